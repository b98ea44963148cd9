package sidecar

import "cutover/upstream"

// Reload re-reads the files that can change while the sidecar serves: the certificate
// for callers and the upstreams' keys. (Flags files are watched.) What can't be read
// stays as it was, and the log says so. In-flight requests are not affected.
func (s *Sidecar) Reload() {
	if s.certificate != nil {
		if err := s.certificate.reload(); err != nil {
			s.log.Error().Err(err).Msg("reload: can't read tls.cert and tls.key: the previous certificate stays in use")
		}
	}
	for _, up := range []*upstream.Upstream{s.primary.serve, s.relay.serve} {
		if p := up.Policies(); p != nil && p.Keys != nil {
			p.Keys.Reload()
		}
	}
	s.log.Info().Msg("reloaded certificate and keys")
}
