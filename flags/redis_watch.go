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

// The causes of a reload; label of cutover_flags_reloads_total.
const (
	causeTracking  = "tracking"  // client tracking: the hash was modified
	causeMessage   = "message"   // a writer published a version
	causeSubscribe = "subscribe" // a subscription began; changes before it were missed
	causePoll      = "poll"
	causeWrite     = "write" // this process wrote
)

const (
	// pingAfter is how long a subscription may be silent before it is pinged,
	// pongTimeout how long the pong may take. go-redis itself sends pings but does
	// not notice missing pongs.
	pingAfter   = 400 * time.Millisecond
	pongTimeout = 500 * time.Millisecond
)

// redisWatcher watches for changes, and replaces a subscription that has died. A
// notification only ever causes a read: a spurious one costs 25 microseconds.
type redisWatcher struct {
	target redisTarget
	reader redis.UniversalClient
	wanted chan struct{} // capacity 1: requests coalesce

	mu      sync.Mutex
	current *redis.PubSub // of the session under way
	pending pendingReload // the request behind wanted

	log             zerolog.Logger
	trackingRefused atomic.Bool // logged once
}

func newRedisWatcher(t redisTarget, reader redis.UniversalClient, log zerolog.Logger) *redisWatcher {
	return &redisWatcher{target: t, reader: reader, wanted: make(chan struct{}, 1), log: log}
}

// pendingReload is why to read: because of cause or, when that is empty, because a
// writer published a version.
type pendingReload struct {
	cause   string
	version uint64
}

// requestReload requests a read; one already requested will do.
func (w *redisWatcher) requestReload(cause string) {
	w.mu.Lock()
	if w.pending.cause == "" {
		w.pending.cause = cause
	}
	w.mu.Unlock()
	w.signal()
}

// announceVersion requests a read unless that version has been read by then: a flip
// by a writer is notified twice, by client tracking and by message.
func (w *redisWatcher) announceVersion(version uint64) {
	w.mu.Lock()
	w.pending.version = version // of the newest message, even if the count was reset
	w.mu.Unlock()
	w.signal()
}

func (w *redisWatcher) signal() {
	select {
	case w.wanted <- struct{}{}:
	default:
	}
}

// takePending returns the cause to read for, given the version already read; "" if
// there is no longer one.
func (w *redisWatcher) takePending(known uint64) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.pending
	w.pending = pendingReload{}
	if p.cause == "" && p.version != 0 && p.version != known {
		return causeMessage
	}
	return p.cause
}

// resubscribe ends the current subscription, so that a new one begins.
func (w *redisWatcher) resubscribe() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.current != nil {
		_ = w.current.Close() // its reader notices
	}
}

// run keeps one subscription alive until ctx is done.
func (w *redisWatcher) run(ctx context.Context) {
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
		err := w.session(ctx)
		if ctx.Err() != nil {
			return
		}
		w.log.Debug().Err(err).Msg("subscription to flag changes ended; subscribing again")
		if time.Since(began) > 5*time.Second {
			delay = 20 * time.Millisecond
		}
		pause.Reset(jitter(delay))
		delay = min(2*delay, pollInterval)
	}
}

// session subscribes and listens until the connection fails, stops responding, or is
// replaced.
func (w *redisWatcher) session(ctx context.Context) error {
	found, cancel := context.WithTimeout(ctx, redisDialTimeout+redisReadTimeout)
	client, err := w.target.connectSubscriber(found, w.reader, w.enableTracking)
	cancel()
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }() // nothing is in flight
	err = client.RegisterPushNotificationHandler("invalidate", invalidation{w}, false)
	if err != nil {
		return err
	}
	sub := client.Subscribe(ctx, w.target.keys.FlagsEvents())
	w.mu.Lock()
	w.current = sub
	w.mu.Unlock()
	defer w.resubscribe()
	stop := context.AfterFunc(ctx, w.resubscribe)
	defer stop()
	return w.listen(ctx, sub)
}

// enableTracking turns on invalidations for the connection. Where the server refuses
// (an old version, a proxy, or an ACL), pub/sub and polling remain.
func (w *redisWatcher) enableTracking(ctx context.Context, cn *redis.Conn) error {
	err := cn.Process(ctx, redis.NewCmd(ctx, "HELLO", "3")) // without RESP3 invalidations have no way to come
	if err == nil {
		err = cn.Process(ctx, redis.NewStatusCmd(ctx, "CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", w.target.keys.Flags()))
	}
	var refused redis.Error
	if errors.As(err, &refused) {
		if w.trackingRefused.CompareAndSwap(false, true) {
			w.log.Info().Str("redis", err.Error()).
				Msg("Redis, or a proxy before it, refuses RESP3 or client tracking: a bare HSET is noticed by polling, within about a second")
		}
		return nil
	}
	return err
}

// invalidation receives the push messages of client tracking.
type invalidation struct{ w *redisWatcher }

// HandlePushNotification requests a read.
func (i invalidation) HandlePushNotification(context.Context, push.NotificationHandlerContext, []any) error {
	i.w.requestReload(causeTracking)
	return nil
}

var errNoPong = errors.New("the subscription does not respond to pings")

// listen receives until the subscription ends. A subscription that has been silent
// for a while must respond to a ping.
func (w *redisWatcher) listen(ctx context.Context, sub *redis.PubSub) error {
	var pingSent time.Time
	for {
		msg, err := sub.ReceiveTimeout(ctx, pingAfter)
		switch {
		case isTimeout(err):
			if !pingSent.IsZero() && time.Since(pingSent) > pongTimeout {
				return errNoPong
			}
			if err := w.ping(ctx, sub, &pingSent); err != nil {
				return err
			}
			continue
		case err != nil:
			return err
		}
		pingSent = time.Time{}
		switch msg := msg.(type) {
		case *redis.Subscription:
			w.requestReload(causeSubscribe)
		case *redis.Message:
			if version, err := strconv.ParseUint(msg.Payload, 10, 64); err == nil {
				w.announceVersion(version)
			} else {
				w.requestReload(causeMessage)
			}
		}
	}
}

// ping sends a ping, unless a pong is outstanding.
func (w *redisWatcher) ping(ctx context.Context, sub *redis.PubSub, pingSent *time.Time) error {
	if !pingSent.IsZero() {
		return nil
	}
	*pingSent = time.Now()
	return sub.Ping(ctx)
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}
