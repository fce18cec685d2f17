package clock_test

import (
	"bufio"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/testsuite/chaos/clock"
)

const childVariable = "HOLDFAST_CLOCK_CHILD"

// TestMain is also the child whose clock is stepped: it prints the time for every
// line it reads.
func TestMain(m *testing.M) {
	if os.Getenv(childVariable) == "" {
		m.Run()
		return
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		_, _ = os.Stdout.WriteString(time.Now().UTC().Format(time.RFC3339) + "\n")
	}
}

func TestStepForwardBackAndHome(t *testing.T) {
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childVariable+"=1")
	asked, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewScanner(out)
	for _, offset := range []time.Duration{0, time.Hour, -time.Hour, 0} {
		if _, err := asked.Write([]byte("\n")); err != nil || !answers.Scan() { // it runs now, before it is stepped for the first time
			t.Fatal(err)
		}
		if err := clock.Step(child.Process.Pid, offset); err != nil {
			t.Fatal(err)
		}
		if _, err := asked.Write([]byte("\n")); err != nil || !answers.Scan() {
			t.Fatal(err)
		}
		told, err := time.Parse(time.RFC3339, answers.Text())
		if off := time.Until(told) - offset; err != nil || off.Abs() > 10*time.Second {
			t.Errorf("stepped by %s it is %s off (%v)", offset, off, err)
		}
	}
	if err := asked.Close(); err != nil {
		t.Error(err)
	}
	if err := child.Wait(); err != nil {
		t.Error(err)
	}
}
