package demo

import (
	"fmt"
	"net"
	"net/http"
	"time"

	"cutover/internal/mock"
)

// demoPrimary and demoRelay are two providers with the same models. The relay is
// faster, phrases things slightly differently, and fails sometimes.
func demoPrimary() mock.Config {
	c := mock.Config{Name: "primary", Seed: 1, DrawSeed: 1}
	c.TTFT, c.Gap = mock.Lognormal(180*time.Millisecond, .35), mock.Lognormal(6*time.Millisecond, .3)
	c.Noise, c.ResponseTokens = .15, 50
	c.Faults = []mock.Fault{{Kind: "503", Rate: .004}}
	return c
}

func demoRelay() mock.Config {
	c := mock.Config{Name: "relay", Seed: 1, DrawSeed: 2}
	c.TTFT, c.Gap = mock.Lognormal(95*time.Millisecond, .45), mock.Lognormal(4*time.Millisecond, .3)
	c.Noise, c.ResponseTokens = .25, 50
	c.BreakToolArguments = .05
	c.Faults = []mock.Fault{{Kind: "500", Rate: .01}, {Kind: "reset", Rate: .005}}
	return c
}

// mockServer is a mock provider on its own port.
type mockServer struct {
	url   string // base URL, with /v1
	srv   *http.Server
	mock  *mock.Server
	ended chan struct{}
}

func startMock(c mock.Config) (*mockServer, error) {
	m, err := mock.New(c)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("demo: can't listen on a free port: %w", err)
	}
	s := &mockServer{
		url: "http://" + l.Addr().String() + "/v1", mock: m,
		srv:   &http.Server{Handler: m, ReadHeaderTimeout: 10 * time.Second},
		ended: make(chan struct{}),
	}
	go func() {
		defer close(s.ended)
		_ = s.srv.Serve(l) // until close
	}()
	return s, nil
}

func (s *mockServer) close() {
	_ = s.srv.Close()
	<-s.ended
}
