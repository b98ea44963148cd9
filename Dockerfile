# syntax=docker/dockerfile:1
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /cutover ./cmd/cutover \
 && mkdir -p /data

# Holds certificate roots, time zones and a user without rights, and nothing to
# log in to.
FROM gcr.io/distroless/static-debian12:nonroot
LABEL org.opencontainers.image.title="cutover" \
      org.opencontainers.image.description="Move live LLM traffic from one provider to another, and prove that it is safe" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /cutover /cutover
COPY --from=build --chown=65532:65532 /data /data
USER 65532:65532
VOLUME /data
ENV CUTOVER_LISTEN=:8080 \
    CUTOVER_DATA=/data
EXPOSE 8080 8081
# The admin listener stays on the container's own loopback, where no token is
# needed: publish it by CUTOVER_ADMIN_LISTEN and a token.
HEALTHCHECK --interval=10s --timeout=3s CMD ["/cutover", "doctor", "--live"]
ENTRYPOINT ["/cutover"]
CMD ["serve"]
