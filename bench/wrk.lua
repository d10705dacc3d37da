-- Prints what wrk counted as one line of JSON. Latencies are µs.
function done(summary, latency)
  local errors = summary.errors
  local wrong = errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format(
    '{"requests":%d,"bytes":%.0f,"micros":%d,"status":%d,"broken":%d,"p50":%.1f,"p99":%.1f}\n',
    summary.requests, summary.bytes, summary.duration, errors.status, wrong,
    latency:percentile(50), latency:percentile(99)))
end
