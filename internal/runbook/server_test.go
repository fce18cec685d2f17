package runbook_test

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.uber.org/zap"

	stored "github.com/terragonlabs/holdfast/activities/evidence"
	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/evidence"
	"github.com/terragonlabs/holdfast/internal/runbook"
	"github.com/terragonlabs/holdfast/internal/store"
)

const queue = "control"

// server is a private Temporal dev server with one worker.
type server struct {
	t       *testing.T
	cli     string
	address string
	client  client.Client
	door    *Door
	stores  []store.Store
	seq     uint64
}

// tool finds a program in HOLDFAST_TOOLS, then in PATH.
func tool(t *testing.T, name string) string {
	t.Helper()
	if dir := os.Getenv("HOLDFAST_TOOLS"); dir != "" {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	path, err := exec.LookPath(name)
	require.NoError(t, err, "%s is missing: run make tools", name)
	return path
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	return port
}

func startServer(t *testing.T, dynamic ...string) *server {
	t.Helper()
	s := &server{t: t, cli: tool(t, "temporal"), door: &Door{fail: map[string][]error{}}}
	port := freePort(t)
	s.address = "127.0.0.1:" + port
	args := []string{
		"server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port", port, "--log-level", "error",
		"--db-filename", filepath.Join(t.TempDir(), "temporal.db"), "--disable-config-file", "--disable-config-env",
		"--dynamic-config-value", "history.transferProcessorMaxPollRPS=2000",
	}
	for _, value := range dynamic {
		args = append(args, "--dynamic-config-value", value)
	}
	process := exec.Command(s.cli, args...)
	dieWithTest(process)
	require.NoError(t, process.Start())
	t.Cleanup(func() {
		require.NoError(t, process.Process.Kill())
		_ = process.Wait() // it was killed; its status says so
	})
	s.connect()
	s.work()
	return s
}

func (s *server) connect() {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		c, err := client.DialContext(s.t.Context(), client.Options{HostPort: s.address, Logger: quietLogger(), Identity: "test"})
		if err != nil {
			return false
		}
		s.client = c
		_, err = c.WorkflowService().DescribeNamespace(s.t.Context(), describeDefault())
		return err == nil
	}, 30*time.Second, 100*time.Millisecond)
	kinds := map[string]enumspb.IndexedValueType{}
	for _, name := range runbook.SearchAttributes() {
		kinds[name] = enumspb.INDEXED_VALUE_TYPE_KEYWORD
	}
	_, err := s.client.OperatorService().AddSearchAttributes(s.t.Context(),
		&operatorservice.AddSearchAttributesRequest{Namespace: "default", SearchAttributes: kinds})
	require.NoError(s.t, err)
	s.t.Cleanup(s.client.Close)
}

func (s *server) work() {
	s.stores = []store.Store{fileStore(s.t, "one"), fileStore(s.t, "two")}
	w := worker.New(s.client, queue, worker.Options{Identity: "test"})
	w.RegisterWorkflow(MoveHouse)
	w.RegisterWorkflow(Knock)
	w.RegisterActivityWithOptions(s.door, activity.RegisterOptions{Name: "runbook_test."})
	w.RegisterActivityWithOptions(&stored.Activities{Stores: s.stores}, activity.RegisterOptions{Name: stored.Prefix})
	require.NoError(s.t, w.Start())
	s.t.Cleanup(w.Stop)
}

func quietLogger() log.Logger { return quiet{zap.NewNop().Sugar()} }

type quiet struct{ *zap.SugaredLogger }

func (q quiet) Debug(msg string, kv ...any) { q.Debugw(msg, kv...) }
func (q quiet) Info(msg string, kv ...any)  { q.Infow(msg, kv...) }
func (q quiet) Warn(msg string, kv ...any)  { q.Warnw(msg, kv...) }
func (q quiet) Error(msg string, kv ...any) { q.Errorw(msg, kv...) }

func (s *server) start(id string, in Input) client.WorkflowRun {
	run, err := s.client.ExecuteWorkflow(s.t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: queue}, MoveHouse, in)
	require.NoError(s.t, err)
	return run
}

// question waits until the run asks the question of that key.
func (s *server) question(id, key string) runbook.OpenQuestion {
	s.t.Helper()
	var found runbook.OpenQuestion
	require.Eventually(s.t, func() bool {
		value, err := s.client.QueryWorkflow(s.t.Context(), id, "", runbook.QueryStatus)
		var status runbook.Status
		if err != nil || value.Get(&status) != nil {
			return false
		}
		for _, q := range status.Questions {
			if q.Key == key {
				found = q
				return true
			}
		}
		return false
	}, 30*time.Second, 50*time.Millisecond, "question %s", key)
	return found
}

func (s *server) signed(person string, kind approval.Kind, q runbook.OpenQuestion) approval.Signed {
	return s.signedFor(person, kind, q, "")
}

func (s *server) signedFor(person string, kind approval.Kind, q runbook.OpenQuestion, reason string) approval.Signed {
	s.seq++
	for _, m := range q.Templates {
		if m.Kind == kind {
			m.Person, m.Sequence, m.Reason = person, s.seq, reason
			m.IssuedAt, m.ExpiresAt = time.Now(), time.Now().Add(time.Hour)
			signed, err := approval.Sign(m, signer(s.t, person))
			require.NoError(s.t, err)
			return signed
		}
	}
	s.t.Fatalf("question %s takes no %s", q.Key, kind)
	return approval.Signed{}
}

// raw runs the temporal program, as a user without holdfast would.
func (s *server) raw(args ...string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer cancel()
	output, err := exec.CommandContext(ctx, s.cli, append(args, "--address", s.address, "--identity", "test")...).CombinedOutput()
	require.NoError(s.t, err, string(output))
	return string(output)
}

func (s *server) rawSignal(id, name string, message approval.Signed) {
	s.t.Helper()
	input, err := json.Marshal(message)
	require.NoError(s.t, err)
	s.raw("workflow", "signal", "--workflow-id", id, "--name", name, "--input", string(input))
}

// TestOnAServer follows the runbook on a real server: by raw `temporal workflow
// signal` and `update`, with a run that continues as new at a gate under a flood.
func TestOnAServer(t *testing.T) {
	t.Parallel()
	s := startServer(t, "limit.historyCount.suggestContinueAsNew=150")
	const id = "move-house"
	run := s.start(id, Input{Plan: extract(t)})
	firstRun := run.GetRunID()
	s.rawSignal(id, "declare", s.signed("ann", approval.Declare, s.question(id, "declaration")))

	gate := s.question(id, "gate:move")
	s.rawSignal(id, "approve", s.signed("ann", approval.Approve, gate)) // declared it herself: refused (L28)
	s.rawSignal(id, "approve", s.signed("bob", approval.Approve, gate))
	for range 150 { // the flood that makes the server suggest continue-as-new
		require.NoError(t, s.client.SignalWorkflow(t.Context(), id, "", "approve", "nonsense"))
	}
	require.Eventually(t, func() bool {
		d, err := s.client.DescribeWorkflowExecution(t.Context(), id, "")
		return err == nil && d.WorkflowExecutionInfo.Execution.RunId != firstRun
	}, 20*time.Second, 100*time.Millisecond, "continued as new")

	after := s.question(id, "gate:move")
	require.Equal(t, []string{"bob"}, after.Approved, "his approval was carried along")
	require.Equal(t, gate.Templates[0].Nonce, after.Templates[0].Nonce)
	input, err := json.Marshal(s.signed("cas", approval.Approve, gate))
	require.NoError(t, err)
	s.raw("workflow", "update", "execute", "--workflow-id", id, "--name", "decide", "--input", string(input))
	s.rawSignal(id, "commit", s.signed("ann", approval.Commit, s.question(id, "provisional")))

	var result Result
	require.NoError(t, run.Get(t.Context(), &result))
	require.Equal(t, runbook.Recovered, result.Summary.Outcome)
	effects, _ := s.door.seen()
	require.Equal(t, []string{"look", "close", "move", "look", "sweep"}, effects, "nothing twice, nothing lost")
	s.requireRecord(id, result.Summary)
	s.requireReplay(id, map[string]string{"move-house-1": firstRun, "move-house-2": ""})
}

// requireRecord reads the timeline back from a store (L27) and looks at what a
// user sees of the run.
func (s *server) requireRecord(id string, summary runbook.Summary) {
	s.t.Helper()
	var pages []evidence.Page
	prefix := "v1/runs/" + summary.WorkflowID + "/" + summary.FirstRunID + "/timeline/"
	for object, err := range s.stores[1].List(s.t.Context(), prefix, store.ListOptions{}) {
		require.NoError(s.t, err)
		body, _, err := s.stores[1].Get(s.t.Context(), object.Key, store.GetOptions{})
		require.NoError(s.t, err)
		var page evidence.Page
		require.NoError(s.t, json.NewDecoder(body).Decode(&page))
		require.NoError(s.t, body.Close())
		pages = append(pages, page)
	}
	require.NoError(s.t, evidence.VerifyPages(pages, summary.Head), "the whole chain, over both runs")
	d, err := s.client.DescribeWorkflowExecution(s.t.Context(), id, "")
	require.NoError(s.t, err)
	s.t.Logf("history: %d events, %d bytes; %d pages", d.WorkflowExecutionInfo.HistoryLength, d.WorkflowExecutionInfo.HistorySizeBytes, len(pages))
	require.Less(s.t, d.WorkflowExecutionInfo.HistorySizeBytes, int64(512<<10))
	found := s.raw("workflow", "list", "--query", `HoldfastService="house" AND HoldfastState="ended"`)
	require.True(s.t, strings.Contains(found, id), found)
}

func describeDefault() *workflowservice.DescribeNamespaceRequest {
	return &workflowservice.DescribeNamespaceRequest{Namespace: "default"}
}
