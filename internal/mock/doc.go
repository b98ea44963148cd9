// Package mock is a provider to rehearse with: an http.Handler that answers
// like the OpenAI and the Anthropic APIs, in the same shapes, headers, error
// bodies and event streams, and that can be told to be slow, wrong or broken
// in any of the ways in which real providers are.
//
// Its answers look like language, depend on prompt, model and seed alone, and
// are therefore the same for two mocks that are set alike. Noise makes two
// calls differ a little, as sampling does; another model (see Config.Voice)
// makes them differ a lot.
//
// A request takes this way:
//
//	ServeHTTP -> journal -> keys -> rate limits -> fault drawn -> route
//	  inference: question (what is asked) -> answer (what is said)
//	             -> rendering (bytes of the dialect, cached) -> delivery (time, faults)
//	  the rest:  objects kept in memory (files, uploads, batches, responses)
//
// The zero Config answers at once and without a fault. Nothing is kept on
// disk, no goroutine outlives its request, and what is kept in memory is
// bounded.
package mock
