package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/transport"
)

const dialTimeout = 10 * time.Second

// silent keeps the client's own log out of a command's output.
type silent struct{}

func (silent) Debug(string, ...any) {}
func (silent) Info(string, ...any)  {}
func (silent) Warn(string, ...any)  {}
func (silent) Error(string, ...any) {}

var _ log.Logger = silent{}

// dial connects to the Temporal server that the environment or profile names.
func dial(ctx context.Context) (client.Client, error) {
	options, err := envconfig.LoadClientOptions(envconfig.LoadClientOptionsRequest{ConfigFileStrict: true})
	if err != nil {
		return nil, failure.New(failure.InvalidInput, "read Temporal's connection settings: %s", err).
			WithHint("env | grep TEMPORAL_; temporal config list")
	}
	options.Logger = silent{}
	dialing, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	dialed, err := client.DialContext(dialing, options)
	if err != nil {
		return nil, boundary.Unconnected(options.HostPort, err, transport.Diagnose(ctx, options.HostPort, options.ConnectionOptions.TLS))
	}
	return dialed, nil
}

// served classes what a Temporal server or a workflow answered.
func served(err error, run string) error {
	var notFound *serviceerror.NotFound
	var started *serviceerror.WorkflowExecutionAlreadyStarted
	var unavailable *serviceerror.Unavailable
	var exceeded *serviceerror.DeadlineExceeded
	var applied *temporal.ApplicationError
	switch {
	case err == nil:
		return nil
	case notYet(err):
		return failure.New(failure.Unavailable, "run %s cannot be asked yet: it is about to begin, or to go on with a new history", run).
			WithHint("starter status --run %s", run)
	case errors.As(err, &applied):
		return boundary.In(err)
	case errors.As(err, &notFound):
		return failure.New(failure.NotFound, "no run %s is known to Temporal: %s", run, notFound.Error()).
			WithHint("temporal workflow list --query \"HoldfastState != 'ended'\"")
	case errors.As(err, &started):
		return failure.New(failure.Refused, "run %s is already under way; one service has one run at a time", run).
			WithHint("starter status --run %s", run)
	case errors.As(err, &exceeded):
		return failure.New(failure.Unavailable, "nobody answered for %s in time: %s", run, err).
			WithHint("is a worker polling its queue? worker run --plan FILE --queues %s; temporal task-queue describe --task-queue %s", controlQueue, controlQueue)
	case boundary.ClassOfServer(err) == failure.Forbidden:
		return failure.New(failure.Forbidden, "Temporal denies this about %s: %s", run, err).WithHint("TEMPORAL_API_KEY, TEMPORAL_NAMESPACE, and what they may do there")
	case errors.As(err, &unavailable), errors.Is(err, context.DeadlineExceeded):
		return failure.Wrap(failure.Unavailable, err, "ask Temporal about %s", run)
	}
	return boundary.In(err)
}

// notYet says that a query or an update reached a run before it had begun to take
// any: a run does so with its first task, also when it goes on with a new history.
// The run has then seen nothing of the update.
func notYet(err error) bool {
	var failed *serviceerror.QueryFailed
	if errors.As(err, &failed) {
		return strings.Contains(failed.Message, "unknown queryType")
	}
	return err != nil && strings.Contains(err.Error(), "KnownUpdates=[]")
}

// How long a run may take to begin, and how often it is asked meanwhile.
const (
	beginPatience = 5 * time.Second
	beginPoll     = 200 * time.Millisecond
)

// patiently does again, for a while, what reached a run that had not begun.
func patiently(ctx context.Context, do func() error) error {
	patience := time.NewTimer(beginPatience)
	defer patience.Stop()
	tick := time.NewTicker(beginPoll)
	defer tick.Stop()
	for {
		err := do()
		if !notYet(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-patience.C:
			return err
		case <-tick.C:
		}
	}
}

// ask queries a run and decodes its answer.
func ask(ctx context.Context, from client.Client, run, runID, query string, into any) error {
	return patiently(ctx, func() error {
		value, err := from.QueryWorkflow(ctx, run, runID, query)
		if err != nil {
			return err
		}
		return value.Get(into)
	})
}
