# syntax=docker/dockerfile:1
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /cutover ./cmd/cutover \
 && mkdir -p /root-of-image/data /root-of-image/tmp \
 && echo 'cutover:x:65532:65532::/:' > /root-of-image/passwd

# Only the binary, CA certificates and an unprivileged user.
FROM scratch
LABEL org.opencontainers.image.title="cutover" \
      org.opencontainers.image.description="Move live LLM traffic from one provider to another, and prove that it is safe" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /root-of-image/passwd /etc/passwd
COPY --from=build --chown=65532:65532 /root-of-image/data /data
COPY --from=build --chown=65532:65532 /root-of-image/tmp /tmp
COPY --from=build /cutover /cutover
USER 65532:65532
VOLUME /data
ENV CUTOVER_LISTEN=:8080 \
    CUTOVER_DATA=/data
EXPOSE 8080 8081
# The admin listener stays on the container's loopback, where it needs no token. To
# publish it, set CUTOVER_ADMIN_LISTEN and a token.
HEALTHCHECK --interval=10s --timeout=3s CMD ["/cutover", "doctor", "--live"]
ENTRYPOINT ["/cutover"]
CMD ["serve"]
