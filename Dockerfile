# One node of Skein. Plain Dockerfile syntax: BuildKit and the classic builder both take it. See docs/docker.md.
#
# BASE_IMAGE is any image with Node.js 22 or later, BUILD_IMAGE one with npm besides.
ARG BASE_IMAGE=node:24-slim
ARG BUILD_IMAGE=${BASE_IMAGE}

FROM ${BUILD_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
# Install scripts fetch what only a development machine needs (a Node.js of its own); no dependency of a node has any
# that it could not do without.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json ./
COPY src src
RUN npm run build \
 && chmod +x dist/node.js \
 && find dist -name '*.map' -delete \
 && npm prune --omit=dev --ignore-scripts --no-audit --no-fund

FROM ${BASE_IMAGE}
WORKDIR /app
# A volume takes owner and mode of the folder that it first covers.
RUN mkdir -m 0700 /data /key \
 && chown 1000:1000 /data /key \
 && ln -s /app/dist/node.js /usr/local/bin/skein
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY LICENSE package.json ./
COPY examples examples
ENV SKEIN_DATA_DIR=/data \
    SKEIN_KEY_FILE=/key/cluster.key
# By number, so that any base will do: `node` in the official images.
USER 1000:1000
VOLUME ["/data", "/key"]
EXPOSE 8080 9000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.SKEIN_HTTP_PORT || 8080}/readyz`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/app/dist/node.js"]
