package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"cutover/internal/config"

	"golang.org/x/sys/unix"
)

// openTerminal makes a terminal without a screen: what is written to person is
// typed at it.
func openTerminal(t *testing.T) (person, terminal *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatalf("this test needs a pseudo-terminal: %v", err)
	}
	t.Cleanup(func() { _ = person.Close() })
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatalf("unlocking the terminal: %v", err)
	}
	n, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatalf("the terminal's number: %v", err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatalf("opening the terminal: %v", err)
	}
	t.Cleanup(func() { _ = terminal.Close() })
	return person, terminal
}

// atTerminal runs `cutover flags` for a person who types a reply.
func atTerminal(t *testing.T, typed string, args ...string) (code int, out, errs string) {
	t.Helper()
	person, terminal := openTerminal(t)
	if _, err := person.WriteString(typed); err != nil {
		t.Fatal(err)
	}
	var o, e bytes.Buffer
	code = execute(t.Context(), append([]string{"flags"}, args...), console{In: terminal, Out: &o, Err: &e, Env: config.Environ{"USER=ann"}})
	return code, o.String(), e.String()
}

// A large step is asked about where there is a person to ask, done on a yes and
// on nothing else. Small steps and steps down are not asked about.
func TestLargeStepsAreAskedAbout(t *testing.T) {
	url := startFlagsRedis(t)
	const question = "This raises relay-percentage from 5 to 100 %. Continue? [y/N] "
	for _, step := range []struct {
		typed, args string
		code        int
		asked       string // what is asked; "": nothing
		now         string // the share afterwards
	}{
		{"", "set relay-percentage 5", 0, "", "5"},
		{"n\n", "set relay-percentage 100", 1, question, "5"},
		{"\n", "set relay-percentage 100", 1, question, "5"},
		{"yess\n", "set relay-percentage 100", 1, question, "5"},
		{"\x04", "set relay-percentage 100", 1, question, "5"}, // the end of the input
		{"", "set relay-percentage 30", 0, "", "30"},
		{"", "set relay-percentage 5", 0, "", "5"},
		{"y\n", "set relay-percentage 100", 0, question, "100"},
		{"", "set relay-percentage 5", 0, "", "5"},
		{" YES \n", "set relay-percentage 100", 0, question, "100"},
		{"", "set relay-percentage 5", 0, "", "5"},
		{"", "set relay-percentage 100 --yes", 0, "", "100"},
	} {
		code, out, errs := atTerminal(t, step.typed, append(strings.Fields(step.args), "--redis", url)...)
		if code != step.code || (step.asked == "") != !strings.Contains(errs, "[y/N]") || !strings.Contains(errs, step.asked) {
			t.Errorf(
				"%s, and %q typed: exit %d, printed %q and %q; want exit %d and asked %q",
				step.args,
				step.typed,
				code,
				out,
				errs,
				step.code,
				step.asked,
			)
		}
		if step.code == 1 && !strings.Contains(errs, "nothing was changed") {
			t.Errorf("%s, and %q typed: %q does not say that nothing was changed", step.args, step.typed, errs)
		}
		if _, now, _ := cutoverFlags(t, "", "get", "relay-percentage", "--redis", url); strings.TrimSpace(now) != step.now {
			t.Errorf("%s, and %q typed: the share is %s now, want %s", step.args, step.typed, strings.TrimSpace(now), step.now)
		}
	}
}

// Between prompt and reply somebody else flips: what was asked about is what
// is done, or nothing.
func TestAFlipBetweenQuestionAndAnswer(t *testing.T) {
	url := startFlagsRedis(t)
	cutoverFlags(t, "", "set", "relay-percentage", "5", "--redis", url)
	person, terminal := openTerminal(t)
	var out bytes.Buffer
	asked := make(chan struct{})
	errs := &notice{text: "[y/N]", seen: asked}
	code := make(chan int, 1)
	go func() {
		code <- execute(t.Context(), []string{"flags", "set", "relay-percentage", "100", "--redis", url}, console{In: terminal, Out: &out,
			Err: errs, Env: config.Environ{"USER=ann"}})
	}()
	<-asked
	cutoverFlags(t, "", "set", "relay-percentage", "0", "--redis", url)
	if _, err := person.WriteString("y\n"); err != nil {
		t.Fatal(err)
	}
	if got := <-code; got != 1 || !strings.Contains(errs.String(), "not 5 as expected") {
		t.Errorf("exit %d, %q; want a refusal that names what was looked at", got, errs.String())
	}
	if _, now, _ := cutoverFlags(t, "", "get", "relay-percentage", "--redis", url); strings.TrimSpace(now) != "0" {
		t.Errorf("the share is %s", now)
	}
}

// notice tells when a text has been written.
type notice struct {
	textBuffer
	text string
	seen chan struct{}
	told bool
}

func (n *notice) Write(p []byte) (int, error) {
	size, err := n.textBuffer.Write(p)
	if !n.told && strings.Contains(n.String(), n.text) {
		n.told = true
		close(n.seen)
	}
	return size, err
}
