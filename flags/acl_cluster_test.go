package flags_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"cutover/flags"
	"cutover/internal/redistest"
)

// In a Cluster the documented rights, with the documented addition, are enough.
func TestACLOfLeastRightInACluster(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../docs/flags.md")
	if err != nil {
		t.Fatalf("the rights are read from the documentation: %v", err)
	}
	_, rest, ok := strings.Cut(string(doc), "In a Cluster add `")
	extra, _, closed := strings.Cut(rest, "`")
	if !ok || !closed {
		t.Fatal("docs/flags.md does not say what a Cluster needs")
	}
	node := startRedis(t, "--cluster-enabled", "yes", "--cluster-port", fmt.Sprint(redistest.FreePort(t)))
	node.do("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
	within(t, 20*second, "a cluster of one", func() bool {
		info, err := node.try("CLUSTER", "INFO")
		return err == nil && strings.Contains(info.(string), "cluster_state:ok")
	})
	for line := range strings.Lines(string(doc)) {
		if !strings.HasPrefix(line, "ACL SETUSER cutover on") {
			continue
		}
		args := []any{}
		for _, f := range strings.Fields(line + " " + extra) {
			args = append(args, f)
		}
		node.do(args...)
	}
	o := flags.RedisOptions{URL: "redis-cluster://" + node.Addr(), Username: "cutover", Password: "SECRET"}
	s := start(t, flags.Options{Redis: &o, Logger: zerolog.Nop()})
	if st := s.State(); st.Status != flags.Ready {
		t.Fatalf("State = %+v", st)
	}
	awaitSubscription(t, node, 1)
	if _, err := s.Store().Write(context.Background(), set("relay-percentage", "100")); err != nil {
		t.Fatal(err)
	}
	within(t, second, "the flip", func() bool { return serves(s) })
}
