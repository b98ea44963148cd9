package flags_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"

	"cutover/flags"
	"cutover/internal/redistest"
)

// try runs a command that may be refused.
func (r *server) try(args ...any) (any, error) {
	return r.cli.Do(context.Background(), args...).Result()
}

// startSentinels starts three Sentinels that watch a master called "main".
func startSentinels(t *testing.T, master *server) (addrs []string) {
	t.Helper()
	for range 3 {
		port := redistest.FreePort(t)
		conf := filepath.Join(t.TempDir(), "sentinel.conf")
		write(t, conf, fmt.Sprintf("port %d\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 %d 2\n"+
			"sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 3000\n", port, master.Port()))
		cmd := exec.Command(redistest.Binary(t), conf, "--sentinel")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait() // killed: its exit status says nothing
		})
		addrs = append(addrs, fmt.Sprintf("127.0.0.1:%d", port))
	}
	for _, addr := range addrs {
		c := redis.NewSentinelClient(&redis.Options{Addr: addr, MaxRetries: -1, DialerRetries: 1})
		within(t, 20*second, "the Sentinels know each other and the replica", func() bool {
			m, err := c.Master(context.Background(), "main").Result()
			return err == nil && m["num-other-sentinels"] == "2" && m["num-slaves"] == "1"
		})
		_ = c.Close()
	}
	return addrs
}

func TestSentinelFailover(t *testing.T) {
	t.Parallel()
	master := startRedis(t)
	replica := startRedis(t, "--replicaof", fmt.Sprintf("127.0.0.1 %d", master.Port()))
	within(t, 20*second, "the replica follows", func() bool {
		info, err := replica.try("INFO", "replication")
		return err == nil && strings.Contains(info.(string), "master_link_status:up")
	})
	addrs := startSentinels(t, master)
	url := "redis-sentinel://" + strings.Join(addrs, ",") + "/main"
	s := start(t, flags.Options{Redis: &flags.RedisOptions{URL: url}, Logger: zerolog.Nop()})
	ctx := context.Background()
	if _, err := s.Store().Write(ctx, set("relay-percentage", "100")); err != nil {
		t.Fatal(err)
	}
	within(t, second, "a flip by way of the Sentinels", func() bool { return serves(s) })
	within(t, 5*second, "the replica has it", func() bool {
		v, err := replica.try("HGET", flagsKey, "relay-percentage")
		return err == nil && v == "100"
	})
	caller := startCaller(s)
	master.Kill()
	within(t, 20*second, "the Sentinels promote the replica", func() bool {
		info, err := replica.try("INFO", "replication")
		return err == nil && strings.Contains(info.(string), "role:master")
	})
	promoted := time.Now()
	replica.do("HSET", flagsKey, "shadow-percentage", "100")
	within(t, 10*second, "a flip on the new master", func() bool { return shadows(s) })
	took := time.Since(promoted)
	t.Logf("a flip on the promoted replica was in force after %v", took.Round(time.Millisecond))
	if took > 5*time.Second {
		t.Errorf("a flip after the failover took %v, want at most 5 s", took)
	}
	caller.finish(t)
	within(t, 5*second, "READY again", ready(s))
	within(t, 5*second, "writes reach the new master", func() bool {
		_, err := s.Store().Write(ctx, set("relay-percentage", "0"))
		return err == nil
	})
	within(t, 3*second, "the flip", func() bool { return !serves(s) })
}

// startCluster starts three masters, and a replica of the one that holds the
// flags.
func startCluster(t *testing.T) (masters []*server, holder, replica *server) {
	t.Helper()
	node := func() (*server, int) {
		bus := redistest.FreePort(t)
		return startRedis(t, "--cluster-enabled", "yes", "--cluster-port", fmt.Sprint(bus), "--cluster-node-timeout", "1500",
			"--cluster-replica-validity-factor", "0", "--repl-diskless-sync-delay", "0"), bus
	}
	first, _ := node()
	masters = []*server{first}
	ranges := [][2]int{{0, 5460}, {5461, 10922}, {10923, 16383}}
	for len(masters) < 3 {
		n, bus := node()
		first.do("CLUSTER", "MEET", "127.0.0.1", n.Port(), bus)
		masters = append(masters, n)
	}
	for i, r := range ranges {
		masters[i].do("CLUSTER", "ADDSLOTSRANGE", r[0], r[1])
	}
	for _, m := range masters {
		within(t, 30*second, "the cluster agrees", func() bool {
			info, err := m.try("CLUSTER", "INFO")
			return err == nil && strings.Contains(info.(string), "cluster_state:ok") && strings.Contains(info.(string), "cluster_known_nodes:3")
		})
	}
	slot := int(first.do("CLUSTER", "KEYSLOT", flagsKey).(int64))
	for i, r := range ranges {
		if slot >= r[0] && slot <= r[1] {
			holder = masters[i]
		}
	}
	id := holder.do("CLUSTER", "MYID").(string)
	replica, bus := node()
	holder.do("CLUSTER", "MEET", "127.0.0.1", replica.Port(), bus)
	within(t, 30*second, "the replica follows", func() bool {
		_, err := replica.try("CLUSTER", "REPLICATE", id)
		info, ierr := replica.try("INFO", "replication")
		return (err == nil || strings.Contains(err.Error(), "replica")) && ierr == nil && strings.Contains(info.(string), "master_link_status:up")
	})
	// Only masters that know the replica can vote for it.
	for _, m := range masters {
		within(t, 30*second, "every master knows the replica", func() bool {
			nodes, err := m.try("CLUSTER", "NODES")
			return err == nil && strings.Contains(nodes.(string), "slave "+id) && !strings.Contains(nodes.(string), "fail")
		})
	}
	return masters, holder, replica
}

func TestClusterFailover(t *testing.T) {
	t.Parallel()
	masters, holder, replica := startCluster(t)
	addrs := []string{}
	for _, m := range masters {
		addrs = append(addrs, m.Addr())
	}
	s := start(t, flags.Options{Redis: &flags.RedisOptions{URL: "redis-cluster://" + strings.Join(addrs, ",")}, Logger: zerolog.Nop()})
	ctx := context.Background()
	if _, err := s.Store().Write(ctx, set("relay-percentage", "100")); err != nil {
		t.Fatal(err)
	}
	within(t, second, "a flip in the cluster", func() bool { return serves(s) })
	awaitSubscription(t, holder, 1)
	began := time.Now()
	holder.do("HSET", flagsKey, "noise-percentage", "7")
	within(t, 2*second, "a bare HSET in the cluster", func() bool { return s.State().Version > 0 && noise(s) == 7 })
	if took := time.Since(began); took > 100*time.Millisecond {
		t.Errorf("a bare HSET in the cluster took %v: the hint did not come", took)
	}
	within(t, 5*second, "the replica has it", func() bool {
		info, err := replica.try("INFO", "keyspace")
		return err == nil && strings.Contains(info.(string), "keys=")
	})
	caller := startCaller(s)
	holder.Kill()
	within(t, 30*second, "the replica takes over", func() bool {
		info, err := replica.try("INFO", "replication")
		state, serr := replica.try("CLUSTER", "INFO")
		return err == nil && serr == nil && strings.Contains(info.(string), "role:master") && strings.Contains(state.(string), "cluster_state:ok")
	})
	promoted := time.Now()
	replica.do("HSET", flagsKey, "shadow-percentage", "100")
	within(t, 15*second, "a flip on the new master", func() bool { return shadows(s) })
	took := time.Since(promoted)
	t.Logf("a flip on the new master was in force after %v", took.Round(time.Millisecond))
	if took > 5*time.Second {
		t.Errorf("a flip after the failover took %v, want at most 5 s", took)
	}
	caller.finish(t)
	within(t, 5*second, "READY again", ready(s))
	awaitSubscription(t, replica, 1)
	within(t, 5*second, "writes reach the new master", func() bool {
		_, err := s.Store().Write(ctx, set("relay-percentage", "0"))
		return err == nil
	})
	within(t, 3*second, "the flip", func() bool { return !serves(s) })
}

// noise reads one flag as it would be listed.
func noise(s *flags.Set) float64 {
	return s.Provider().FloatEvaluation(context.Background(), "noise-percentage", -1, nil).Value
}

// The rights that docs/flags.md tells operators to grant are enough, and for
// readers that never write a smaller set is.
func TestACLOfLeastRight(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../docs/flags.md")
	if err != nil {
		t.Fatalf("the rights are read from the documentation: %v", err)
	}
	r := startRedis(t)
	granted := map[string]bool{}
	for line := range strings.Lines(string(doc)) {
		fields := strings.Fields(strings.TrimSpace(line))
		if len(fields) < 3 || fields[0] != "ACL" || fields[1] != "SETUSER" {
			continue
		}
		args := make([]any, len(fields))
		for i, f := range fields {
			args[i] = f
		}
		granted[fields[2]] = true
		r.do(args...)
	}
	for _, user := range []string{"cutover", "cutover-reader"} {
		if !granted[user] {
			t.Fatalf("docs/flags.md grants nothing to %s", user)
		}
	}
	ctx := context.Background()
	as := func(user string) flags.Options {
		return flags.Options{Redis: &flags.RedisOptions{URL: r.url(), Username: user, Password: "SECRET"}, Logger: zerolog.Nop()}
	}
	writer, reader := start(t, as("cutover")), start(t, as("cutover-reader"))
	awaitSubscription(t, r, 2)
	if _, err := writer.Store().Write(ctx, set("relay-percentage", "100")); err != nil {
		t.Fatalf("the writer may not write: %v", err)
	}
	for _, s := range []*flags.Set{writer, reader} {
		within(t, second, "the flip", func() bool { return serves(s) })
		began := time.Now()
		r.do("HSET", flagsKey, "relay-percentage", "0")
		within(t, second, "a bare HSET", func() bool { return !serves(s) })
		if took := time.Since(began); took > 200*time.Millisecond {
			t.Errorf("a bare HSET took %v: client tracking is not allowed", took)
		}
		r.do("HSET", flagsKey, "relay-percentage", "100")
		within(t, second, "back", func() bool { return serves(s) })
	}
	if history, err := writer.Store().History(ctx, "", 10); err != nil || len(history) == 0 {
		t.Errorf("History = %v, %v", history, err)
	}
	if _, err := flags.Undo(ctx, writer.Store(), "t", ""); err != nil {
		t.Errorf("Undo: %v", err)
	}
	if _, err := reader.Store().Fields(ctx); err != nil {
		t.Errorf("the reader may not list: %v", err)
	}
	if _, err := reader.Store().Write(ctx, set("relay-percentage", "0")); err == nil || !strings.Contains(err.Error(), "NOPERM") {
		t.Errorf("the reader writes: %v", err)
	}
	if st := reader.State(); st.Status != flags.Ready {
		t.Errorf("reader's state = %+v", st)
	}
	for _, user := range []string{"cutover", "cutover-reader"} {
		r.do("ACL", "DRYRUN", user, "HGETALL", flagsKey)
		for _, forbidden := range [][]any{
			{"HGETALL", "other"}, {"GET", "secret"}, {"KEYS", "*"}, {"FLUSHALL"}, {"CONFIG", "GET", "*"}, {"HGETALL", "cutover:{other}:flags"},
		} {
			if v := r.do(append([]any{"ACL", "DRYRUN", user}, forbidden...)...); v == "OK" {
				t.Errorf("%s may %v", user, forbidden)
			}
		}
	}
	wrong := as("cutover")
	wrong.Redis.Password = "guess"
	denied := start(t, wrong)
	if st := denied.State(); st.Code != "denied" || strings.Contains(st.Reason, "guess") {
		t.Errorf("with a wrong password: %+v", st)
	}
}
