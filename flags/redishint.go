package flags

import (
	"context"
	"errors"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/push"
	"github.com/rs/zerolog"
)

// What asked for a reading; the label of cutover_flags_reloads_total.
const (
	causeTracking  = "tracking"  // Redis said that the hash was touched
	causeMessage   = "message"   // a writer said so
	causeSubscribe = "subscribe" // a subscription began: what was missed before?
	causePoll      = "poll"
	causeWrite     = "write" // this process wrote
)

const (
	// askAfter is how long a subscription may be silent before it is asked
	// whether it is alive, deadAfter how long it may then take to answer. go-redis
	// itself only writes such questions and never misses the answers.
	askAfter  = 400 * time.Millisecond
	deadAfter = 500 * time.Millisecond
)

// hints listens for changes, and replaces a subscription that has gone silent.
// A hint only ever causes a reading: a wrong one costs 25 microseconds.
type hints struct {
	target redisTarget
	reader redis.UniversalClient
	woken  chan struct{} // capacity 1: hints coalesce

	mu      sync.Mutex
	current *redis.PubSub // of the running session
	pending hint          // what woken stands for

	log             zerolog.Logger
	trackingRefused atomic.Bool // said so once
}

func newHints(t redisTarget, reader redis.UniversalClient, log zerolog.Logger) *hints {
	return &hints{target: t, reader: reader, woken: make(chan struct{}, 1), log: log}
}

// hint is why to read: because of cause, or, when that is empty, because a
// writer spoke of a version.
type hint struct {
	cause   string
	version uint64
}

// wake asks for a reading; if one has been asked for already, that one will do.
func (h *hints) wake(cause string) {
	h.mu.Lock()
	if h.pending.cause == "" {
		h.pending.cause = cause
	}
	h.mu.Unlock()
	h.signal()
}

// announce asks for a reading unless that version will have been read by then:
// a flip by a writer is heard of twice, by client tracking and by message.
func (h *hints) announce(version uint64) {
	h.mu.Lock()
	h.pending.version = version // the newest message, also after the count began anew
	h.mu.Unlock()
	h.signal()
}

func (h *hints) signal() {
	select {
	case h.woken <- struct{}{}:
	default:
	}
}

// take returns what to read for, given the version that is known; "" for no
// reason any more.
func (h *hints) take(known uint64) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.pending
	h.pending = hint{}
	if p.cause == "" && p.version != 0 && p.version != known {
		return causeMessage
	}
	return p.cause
}

// replace ends the present subscription, so that a new one begins.
func (h *hints) replace() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.current != nil {
		_ = h.current.Close() // its reader notices
	}
}

// run keeps one subscription alive until ctx is done.
func (h *hints) run(ctx context.Context) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	delay := 20 * time.Millisecond
	for {
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
		began := time.Now()
		err := h.session(ctx)
		if ctx.Err() != nil {
			return
		}
		h.log.Debug().Err(err).Msg("subscription to flag changes ended; beginning another")
		if time.Since(began) > 5*time.Second {
			delay = 20 * time.Millisecond
		}
		pause.Reset(jitter(delay))
		delay = min(2*delay, pollEvery)
	}
}

// session subscribes and listens until the connection fails, is silent for too
// long, is replaced, or moves to another server.
func (h *hints) session(ctx context.Context) error {
	found, cancel := context.WithTimeout(ctx, redisDial+redisRead)
	client, err := h.target.subscriber(found, h.reader, h.track)
	cancel()
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }() // nothing is in flight
	err = client.RegisterPushNotificationHandler("invalidate", invalidation{h}, false)
	if err != nil {
		return err
	}
	sub := client.Subscribe(ctx, h.target.keys.FlagsEvents())
	h.mu.Lock()
	h.current = sub
	h.mu.Unlock()
	defer h.replace()
	stop := context.AfterFunc(ctx, h.replace)
	defer stop()
	return h.listen(ctx, sub)
}

// track turns on invalidations for the connection. A server that refuses (an
// old one, or an ACL) still has pub/sub and the poll.
func (h *hints) track(ctx context.Context, cn *redis.Conn) error {
	err := cn.Process(ctx, redis.NewStatusCmd(ctx, "CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", h.target.keys.Flags()))
	var refused redis.Error
	if errors.As(err, &refused) {
		if h.trackingRefused.CompareAndSwap(false, true) {
			h.log.Info().Str("redis", err.Error()).Msg("Redis refuses client tracking: changes by bare HSET are seen by the poll, within about a second")
		}
		return nil
	}
	return err
}

// invalidation receives client tracking's push messages.
type invalidation struct{ h *hints }

// HandlePushNotification asks for a reading.
func (i invalidation) HandlePushNotification(context.Context, push.NotificationHandlerContext, []any) error {
	i.h.wake(causeTracking)
	return nil
}

var errSilent = errors.New("the subscription is silent")

// listen reads until the subscription ends. Each time that it is silent for a
// while it must answer a question.
func (h *hints) listen(ctx context.Context, sub *redis.PubSub) error {
	var asked time.Time
	for {
		msg, err := sub.ReceiveTimeout(ctx, askAfter)
		switch {
		case isTimeout(err):
			if !asked.IsZero() && time.Since(asked) > deadAfter {
				return errSilent
			}
			if err := h.ask(ctx, sub, &asked); err != nil {
				return err
			}
			continue
		case err != nil:
			return err
		}
		asked = time.Time{}
		switch msg := msg.(type) {
		case *redis.Subscription:
			h.wake(causeSubscribe)
		case *redis.Message:
			if version, err := strconv.ParseUint(msg.Payload, 10, 64); err == nil {
				h.announce(version)
			} else {
				h.wake(causeMessage)
			}
		}
	}
}

// ask pings, unless an answer is outstanding.
func (h *hints) ask(ctx context.Context, sub *redis.PubSub, asked *time.Time) error {
	if !asked.IsZero() {
		return nil
	}
	*asked = time.Now()
	return sub.Ping(ctx)
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}
