// Package mock is a mock provider: an http.Handler that implements the OpenAI and
// Anthropic APIs with the same shapes, headers, error bodies and event streams, and
// that can be configured to be slow, wrong or broken in the ways real providers are.
//
// Its responses look like natural language and depend only on prompt, model and seed,
// so two mocks with the same settings give the same responses. Noise makes two calls
// differ slightly, as sampling does; another model (see Config.Voice) makes them
// differ a lot.
//
// The path of a request:
//
//	ServeHTTP -> journal -> keys -> rate limits -> fault drawn -> route
//	  inference: question (the parsed request) -> reply (the content)
//	             -> rendering (bytes of the dialect, cached) -> delivery (time, faults)
//	  the rest:  objects kept in memory (files, uploads, batches, responses)
//
// The zero Config responds at once and without faults. Nothing is kept on disk, no
// goroutine outlives its request, and memory use is bounded.
package mock
