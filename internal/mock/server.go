package mock

import (
	"context"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Server is the mock provider. It is an http.Handler. All its methods are safe for
// concurrent use.
type Server struct {
	settings atomic.Pointer[settings]
	routes   routes
	scripted atomic.Int64 // calls served from the script
	journal  journal
	limits   limits
	objects  *objects
	repeats  [1 << 14]atomic.Uint32 // how often a body was received, by its hash
	ids      atomic.Uint64
	words    *words
	idSalt   uint64          // ids are unique between servers, whatever their seeds
	life     context.Context // ends with Close
	close    context.CancelFunc
}

// words is the vocabulary of all text.
type words struct {
	*lexicon
	stop map[string]bool
}

// settings are one compiled Config. They are immutable: a new Config creates new ones,
// with an empty cache.
type settings struct {
	Config
	base    string // BasePath without its trailing slash
	rules   []rule
	script  []fault
	keys    map[string]bool
	models  map[string]bool
	gap     Delay
	drawing uint64
	instant bool // no delays
	marks   marks
	cache   *cache
	words   *words
}

// New makes a server. The error is a *ConfigError.
func New(cfg Config) (*Server, error) {
	l, err := readLexicon(lexiconText)
	if err != nil {
		return nil, err
	}
	s := &Server{idSalt: rand.Uint64(), routes: table(), words: &words{l, stopWords()}, objects: newObjects()}
	s.life, s.close = context.WithCancel(context.Background())
	if err := s.SetConfig(cfg); err != nil {
		return nil, err
	}
	return s, nil
}

// Config returns a copy of the current configuration.
func (s *Server) Config() Config {
	c := s.settings.Load().Config
	return c.clone()
}

// SetConfig changes everything at once, for the requests that arrive from now
// on. After an error, a *ConfigError, the old configuration stays. Files,
// batches, the journal and used-up rate limits are kept; a Script starts again.
func (s *Server) SetConfig(cfg Config) error {
	st, err := compile(cfg)
	if err != nil {
		return err
	}
	st.words = s.words
	s.scripted.Store(0)
	s.settings.Store(st)
	return nil
}

// Update changes the current configuration; see SetConfig.
func (s *Server) Update(change func(*Config)) error {
	cfg := s.Config()
	change(&cfg)
	return s.SetConfig(cfg)
}

func compile(cfg Config) (*settings, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	st := &settings{Config: cfg.clone()}
	st.Name = orElse(st.Name, "mock")
	st.base = strings.TrimRight(orElse(st.BasePath, "/v1"), "/")
	st.gap = st.Gap
	if st.TokensPerSecond > 0 {
		st.gap = Fixed(time.Duration(float64(time.Second) / st.TokensPerSecond))
	}
	st.instant = st.TTFT.IsZero() && st.gap.IsZero() && st.Header.IsZero() && st.Other.IsZero() && st.KeepAlive == 0
	st.drawing = throwSeed(orElse(st.DrawSeed, st.Seed))
	for i := range st.Faults {
		f, err := st.Faults[i].compile()
		if err != nil {
			return nil, err
		}
		st.rules = append(st.rules, rule{fault: f, rate: st.Faults[i].Rate, endpoint: strings.Trim(st.Faults[i].Endpoint, "/"),
			model: st.Faults[i].Model, stream: st.Faults[i].Stream})
	}
	for _, spec := range st.Script {
		f, err := parseFault(spec)
		if err != nil {
			return nil, err
		}
		st.script = append(st.script, f)
	}
	st.keys = set(st.Keys)
	st.models = set(st.Models)
	for from := range st.Aliases {
		if len(st.models) > 0 {
			st.models[from] = true
		}
	}
	st.marks = newMarks()
	st.cache = newCache()
	return st, nil
}

func throwSeed(seed uint64) uint64 {
	d := throw(seed, 0xD1CE)
	return d.next()
}

func set(names []string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, n := range names {
		m[strings.TrimSpace(n)] = true
	}
	return m
}

// Close breaks the connection of every waiting call (streams, hanging faults, sockets).
// Afterwards the server does not respond. It does not wait for the calls; their
// http.Server does that.
func (s *Server) Close() error {
	s.close()
	return nil
}

// Journal returns copies of the newest requests, oldest first, at most
// Config.JournalSize of them.
func (s *Server) Journal() []Entry { return s.journal.entries() }

// ResetJournal forgets the requests seen so far and their counts.
func (s *Server) ResetJournal() { s.journal.reset() }

// Calls returns how many requests have arrived by path (escaped, as sent).
func (s *Server) Calls() map[string]uint64 { return s.journal.stats().ByPath }

// Stats returns the totals.
func (s *Server) Stats() Stats { return s.journal.stats() }

// Wait returns nil as soon as cond holds for the totals, and the context's
// error if that ends first.
func (s *Server) Wait(ctx context.Context, cond func(Stats) bool) error {
	return s.journal.wait(ctx, cond)
}

// nextID is a number that no other response of this or another server has.
func (s *Server) nextID() uint64 {
	d := throw(s.idSalt, s.ids.Add(1))
	return d.next()
}

// repeat counts how often this body was received, so that a repeated prompt draws new
// values, which are the same in each run. Two bodies that share a counter only skip
// draws.
func (s *Server) repeat(hash uint64) uint64 {
	return uint64(s.repeats[hash%uint64(len(s.repeats))].Add(1))
}

// ServeHTTP handles one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	st := s.settings.Load()
	c := &call{s: s, settings: st, w: w, r: r, at: time.Now(), id: s.nextID()}
	path := r.URL.EscapedPath()
	c.entry = &Entry{At: c.at, Method: r.Method, Path: path, Query: r.URL.RawQuery, Proto: r.Proto, Host: r.Host,
		Remote: r.RemoteAddr, Header: r.Header}
	c.route, c.args, c.allows = s.find(r.Method, st.endpointPath(path))
	c.entry.Endpoint = c.route.name
	c.anthropic = c.route.dialect == anthropicDialect ||
		c.route.dialect == sharedDialect && r.Header.Get("Anthropic-Version") != ""
	s.journal.begin(c.entry, st.journalSize())
	defer c.end()
	if s.life.Err() != nil {
		panic(http.ErrAbortHandler)
	}
	c.serve()
}

// find returns the route of a request; never nil.
func (s *Server) find(method, path string) (r *route, ids []string, allowed bool) {
	if r, ids, allowed = s.routes.find(method, path); r != nil {
		return r, ids, allowed
	}
	if strings.HasPrefix(path, "messages") {
		return &route{dialect: anthropicDialect}, nil, false
	}
	return &route{dialect: sharedDialect}, nil, false
}

// endpointPath strips the base from an escaped path. Paths outside it become ""
// (unknown), unless bare paths are served.
func (st *settings) endpointPath(path string) string {
	if strings.HasPrefix(path, adminPrefix) && !st.Admin {
		return ""
	}
	if rest, ok := strings.CutPrefix(path, st.base); ok && (st.base == "" || rest == "" || rest[0] == '/') {
		return strings.Trim(rest, "/")
	}
	if st.BarePaths || st.Admin && strings.HasPrefix(path, adminPrefix) {
		return strings.Trim(path, "/")
	}
	return ""
}

func (st *settings) journalSize() int { return orElse(st.JournalSize, 256) }

func (st *settings) journalBody() int { return max(orElse(st.JournalBody, 64<<10), 0) }

// segments splits an escaped path and unescapes each part.
func segments(path string) []string {
	if path == "" {
		return nil
	}
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if plain, err := url.PathUnescape(p); err == nil {
			parts[i] = plain
		}
	}
	return parts
}

// itoa keeps the header code short.
func itoa[T int | int64](n T) string { return strconv.FormatInt(int64(n), 10) }
