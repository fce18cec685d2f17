package relay

import (
	"context"
	"net"
	"sync"

	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/proxy"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// maxMessageBytes is the most that Temporal's own clients take.
const maxMessageBytes = 128 << 20

// Task is one attempt of an activity that a worker was given.
type Task struct {
	Type    string // of the activity, as "postgres.Replay"
	ID      string // of the activity in its run
	Attempt int32  // from 1
}

// Options say what passes and who is told.
type Options struct {
	// Temporal is the server's address.
	Temporal string
	// NoActivities and NoWorkflows keep this worker from being given such tasks: it
	// asks for them and hears nothing.
	NoActivities, NoWorkflows bool
	// Given is told of a task that is passed on to the worker now. It must not block.
	Given func(Task)
	// Ended is told when the worker reports how a task ended. The worker waits for
	// its answer; after false Temporal never learns of the report.
	Ended func(Task) bool
	// Decided is told when the worker reports what a workflow decided, in the same way.
	Decided func() bool
}

// Relay is one worker's way to Temporal. Close it.
type Relay struct {
	Address string // host:port, for TEMPORAL_ADDRESS of the worker

	options Options
	server  *grpc.Server
	client  *grpc.ClientConn

	mu    sync.Mutex
	tasks map[string]Task // by task token
}

// Start listens on a free loopback port.
func Start(ctx context.Context, options Options) (*Relay, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, failure.Wrap(failure.Unavailable, err, "listen for a worker")
	}
	client, err := grpc.NewClient(options.Temporal, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessageBytes)))
	if err != nil {
		return nil, failure.Wrap(failure.Unavailable, err, "dial Temporal at %s", options.Temporal)
	}
	passOn, err := proxy.NewWorkflowServiceProxyServer(proxy.WorkflowServiceProxyOptions{Client: workflowservice.NewWorkflowServiceClient(client)})
	if err != nil {
		return nil, failure.Wrap(failure.Internal, err, "make a relay")
	}
	r := &Relay{Address: listener.Addr().String(), options: options, client: client, tasks: map[string]Task{}}
	r.server = grpc.NewServer(grpc.MaxRecvMsgSize(maxMessageBytes), grpc.UnaryInterceptor(r.pass))
	workflowservice.RegisterWorkflowServiceServer(r.server, passOn)
	operatorservice.RegisterOperatorServiceServer(r.server, operator{client: operatorservice.NewOperatorServiceClient(client)})
	grpc_health_v1.RegisterHealthServer(r.server, health{client: grpc_health_v1.NewHealthClient(client)})
	go func() { _ = r.server.Serve(listener) }() // ends with Close
	return r, nil
}

// Close cuts the worker off.
func (r *Relay) Close() error {
	r.server.Stop()
	return failure.Wrap(failure.Unavailable, r.client.Close(), "hang up on Temporal")
}

// pass handles one call of the worker.
func (r *Relay) pass(ctx context.Context, request any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	switch asked := request.(type) {
	case *workflowservice.PollActivityTaskQueueRequest:
		if r.options.NoActivities {
			return silence(ctx)
		}
		answer, err := next(ctx, request)
		if task, ok := answer.(*workflowservice.PollActivityTaskQueueResponse); ok && err == nil {
			r.given(task)
		}
		return answer, err
	case *workflowservice.PollWorkflowTaskQueueRequest:
		if r.options.NoWorkflows {
			return silence(ctx)
		}
	case *workflowservice.RespondWorkflowTaskCompletedRequest:
		if r.options.NoActivities {
			notEager(asked)
		}
		if r.options.Decided != nil && !r.options.Decided() {
			return silence(ctx)
		}
	}
	if token, ended := reported(request); ended && !r.passes(token) {
		return silence(ctx)
	}
	return next(ctx, request)
}

// silence answers nothing until the worker hangs up.
func silence(ctx context.Context) (any, error) {
	<-ctx.Done()
	return nil, failure.Wrap(failure.Unavailable, ctx.Err(), "wait for the worker to hang up")
}

// notEager takes the wish out of a decision to be given its activities at once.
func notEager(decision *workflowservice.RespondWorkflowTaskCompletedRequest) {
	for _, command := range decision.GetCommands() {
		if schedule := command.GetScheduleActivityTaskCommandAttributes(); schedule != nil {
			schedule.RequestEagerExecution = false
		}
	}
}

func (r *Relay) given(given *workflowservice.PollActivityTaskQueueResponse) {
	if len(given.GetTaskToken()) == 0 {
		return // a poll that found nothing
	}
	task := Task{Type: given.GetActivityType().GetName(), ID: given.GetActivityId(), Attempt: given.GetAttempt()}
	r.mu.Lock()
	r.tasks[string(given.GetTaskToken())] = task
	r.mu.Unlock()
	if r.options.Given != nil {
		r.options.Given(task)
	}
}

// reported returns the token of the task whose end a request reports.
func reported(request any) (token []byte, ended bool) {
	switch report := request.(type) {
	case *workflowservice.RespondActivityTaskCompletedRequest:
		return report.GetTaskToken(), true
	case *workflowservice.RespondActivityTaskFailedRequest:
		return report.GetTaskToken(), true
	case *workflowservice.RespondActivityTaskCanceledRequest:
		return report.GetTaskToken(), true
	}
	return nil, false
}

// passes asks whether the report of how a task ended may arrive.
func (r *Relay) passes(token []byte) bool {
	r.mu.Lock()
	task, known := r.tasks[string(token)]
	r.mu.Unlock()
	return !known || r.options.Ended == nil || r.options.Ended(task)
}
