package runbook_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/terragonlabs/holdfast/activities/clock"
	"github.com/terragonlabs/holdfast/activities/pulse"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/runbook"
)

// hostQueue is polled by a worker that is killed, then by one that is not.
const hostQueue = "host.door"

// stuckWorker, set to a server's address, makes this test program a worker whose
// activities never end.
const stuckWorker = "HOLDFAST_TEST_STUCK_WORKER"

func TestMain(m *testing.M) {
	if address := os.Getenv(stuckWorker); address != "" {
		workStuck(address)
	}
	os.Exit(m.Run()) //nolint:forbidigo // the way out of TestMain
}

// Stuck is the door for a worker that hangs.
type Stuck struct{}

func (*Stuck) Look(ctx context.Context, _ Way) (Seen, error) { return hang(ctx) }

func (*Stuck) Tell(ctx context.Context, _ Way) (Seen, error) { return hang(ctx) }

func hang(ctx context.Context) (Seen, error) {
	fmt.Println("stuck") //nolint:forbidigo // the test that started this process reads it
	<-ctx.Done()
	return Seen{}, ctx.Err()
}

func workStuck(address string) {
	c, err := client.Dial(client.Options{HostPort: address, Logger: quietLogger()})
	if err != nil {
		panic(err)
	}
	w := hostWorker(c)
	w.RegisterActivityWithOptions(&Stuck{}, activity.RegisterOptions{Name: "runbook_test."})
	if err := w.Run(nil); err != nil {
		panic(err)
	}
}

func hostWorker(c client.Client) worker.Worker {
	return worker.New(c, hostQueue, worker.Options{
		Interceptors: []interceptor.WorkerInterceptor{clock.Interceptor(), pulse.Interceptor()}, MaxHeartbeatThrottleInterval: pulse.Interval,
	})
}

// Knock is a runbook of one step of a class, on another host.
func Knock(ctx workflow.Context, in Input, class runbook.Class) (Seen, error) {
	rb, err := runbook.Open(ctx, runbook.Spec{Incident: "INC-1", Plan: in.Plan, Mode: runbook.Routine})
	if err != nil {
		return Seen{}, err
	}
	if err := rb.Enter("look"); err != nil {
		return Seen{}, err
	}
	knock := door.Look
	if class == runbook.Announce {
		knock = door.Tell
	}
	seen, err := runbook.Do(rb, "Knock", knock, Way{Name: "house"}, class, runbook.On(hostQueue))
	_, err = rb.Close(err)
	return seen, err
}

// TestDeadWorkerIsNoticed: a worker killed in the middle of a step is noticed after
// the plan's time in a step of any kind, and the step is tried again at once. While
// it lived it was left alone for longer than that, although it hung.
func TestDeadWorkerIsNoticed(t *testing.T) {
	t.Parallel()
	const notice = 3 * time.Second
	s := startServer(t)
	in := Input{Plan: extract(t)}
	in.Plan.Runbook.NoticeDeadWorker = plan.Duration(notice)
	classes := []runbook.Class{runbook.Probe, runbook.Announce, runbook.Transfer}
	process, lines := s.startStuck()
	runs := map[runbook.Class]client.WorkflowRun{}
	for _, class := range classes {
		run, err := s.client.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "knock-" + string(class), TaskQueue: queue}, Knock, in, class)
		require.NoError(t, err)
		require.True(t, lines.Scan(), "the worker took the step")
		runs[class] = run
	}
	require.Never(t, func() bool { return lines.Buffered() > 0 }, 2*notice, 200*time.Millisecond, "nobody tried again")

	require.NoError(t, process.Process.Kill())
	_ = process.Wait() // it was killed; its status says so
	killed := time.Now()
	w := hostWorker(s.client)
	w.RegisterActivityWithOptions(s.door, activity.RegisterOptions{Name: "runbook_test."})
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	for class, run := range runs {
		require.NoError(t, run.Get(t.Context(), new(Seen)))
		t.Logf("class %s went on %s after the kill", class, time.Since(killed).Round(time.Millisecond))
	}
	require.Less(t, time.Since(killed), notice+7*time.Second, "noticed, and tried again")
}

// output counts the lines a process wrote.
type output struct {
	lines chan string
}

func (o *output) Scan() bool {
	select {
	case _, ok := <-o.lines:
		return ok
	case <-time.After(20 * time.Second):
		return false
	}
}

func (o *output) Buffered() int { return len(o.lines) }

func (s *server) startStuck() (*exec.Cmd, *output) {
	s.t.Helper()
	process := exec.Command(os.Args[0])
	process.Env = append(os.Environ(), stuckWorker+"="+s.address)
	process.Stderr = os.Stderr
	dieWithTest(process)
	pipe, err := process.StdoutPipe()
	require.NoError(s.t, err)
	require.NoError(s.t, process.Start())
	out := &output{lines: make(chan string, 100)}
	go func() {
		defer close(out.lines)
		for scanner := bufio.NewScanner(pipe); scanner.Scan(); {
			out.lines <- scanner.Text()
		}
	}()
	return process, out
}
