# syntax=docker/dockerfile:1

FROM node:24-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
# no package's install script is needed to build; the one that is allowed otherwise fetches a Node, and one is here already
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build && npm prune --omit=dev --ignore-scripts

FROM node:24-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/dist dist
COPY package.json LICENSE README.md CHANGELOG.md SECURITY.md ./
COPY bin bin
COPY config config
COPY policies policies
# The code belongs to root and is not writable by the one who runs it. All that is written goes to /data, so that the rest can
# be mounted read-only: docker run --read-only --tmpfs /tmp -v sallyport:/data …
# The shipped configuration keeps its data in ../data, which is /app/data here.
RUN install -d -o node -g node -m 0700 /data && ln -s /data /app/data
USER node
VOLUME /data
EXPOSE 8080 8443
# the shipped configuration keeps to loopback unless told otherwise, and a container's loopback is nobody's
ENV SALLYPORT_LISTEN=0.0.0.0:8080
# where the admin listener is, seen from inside the container; set it along with admin.address
ENV SALLYPORT_HEALTH_URL=http://127.0.0.1:9900/healthz
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
  CMD ["node", "-e", "fetch(process.env.SALLYPORT_HEALTH_URL,{signal:AbortSignal.timeout(2500)}).then(r=>process.exit(r.ok?0:1),()=>process.exit(1))"]
ENTRYPOINT ["node", "/app/bin/sallyport.mjs"]
CMD ["run", "--config", "/app/config/sallyport.yaml"]
