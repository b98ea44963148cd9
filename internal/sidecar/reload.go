package sidecar

import "cutover/upstream"

// Reload reads the files again that can change while the sidecar serves: the
// certificate shown to callers and the upstreams' keys. (Flags files are watched.)
// What can't be read stays as it was, and the log says so. Nothing in flight is
// touched.
func (s *Sidecar) Reload() {
	if s.certificate != nil {
		if err := s.certificate.reload(); err != nil {
			s.log.Error().Err(err).Msg("reload: tls.cert and tls.key can't be read: the certificate before stays in use")
		}
	}
	for _, up := range []*upstream.Upstream{s.primary.serve, s.relay.serve} {
		if p := up.Policies(); p != nil && p.Keys != nil {
			p.Keys.Reload()
		}
	}
	s.log.Info().Msg("reloaded certificate and keys")
}
