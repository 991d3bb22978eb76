# One image with every program of Postroad: postroad-broker, postroad-operator, postroad.
#
#   docker build -t postroad:0.1.0 .
#
# With binaries that were built before (their glibc must not be newer than the runtime's):
#
#   docker build --build-arg BINARIES=prebuilt --build-arg PREBUILT=target/release -t postroad:0.1.0 .

# Where the binaries come from: the stage "build" compiles them, the stage "prebuilt" copies them.
ARG BINARIES=build
ARG RUST=docker.io/library/rust:1-bookworm
ARG RUNTIME=gcr.io/distroless/cc-debian12:nonroot

FROM ${RUST} AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked \
        --package postroad-broker --package postroad-operator --package postroad-cli \
        --bin postroad-broker --bin postroad-operator --bin postroad \
    && mkdir /out \
    && cp target/release/postroad-broker target/release/postroad-operator target/release/postroad /out/

FROM scratch AS prebuilt
ARG PREBUILT=target/release
COPY ${PREBUILT}/postroad-broker ${PREBUILT}/postroad-operator ${PREBUILT}/postroad /out/

FROM ${BINARIES} AS binaries

FROM ${RUNTIME}
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="Postroad" \
      org.opencontainers.image.description="A self-hosted, Kubernetes-native messaging service" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
COPY --from=binaries --chmod=0755 /out/ /usr/local/bin/
# By number: Kubernetes checks runAsNonRoot without reading the image's /etc/passwd.
USER 65532:65532
# 8085 Pub/Sub, 8080 admin API, metrics and probes of the broker, 8081 metrics and probes of the operator
EXPOSE 8085 8080 8081
ENTRYPOINT ["/usr/local/bin/postroad-broker"]
