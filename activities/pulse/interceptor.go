package pulse

import (
	"context"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
)

// Interceptor makes every activity of a worker beat while it works, whether it
// knows of heartbeats or not. What it proves is that the process lives: an activity
// that hangs in a living one goes on beating, and is ended by its own limit for one
// attempt (StartToClose), never by silence.
func Interceptor() interceptor.WorkerInterceptor { return &beating{} }

type beating struct {
	interceptor.WorkerInterceptorBase
}

func (*beating) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &inbound{interceptor.ActivityInboundInterceptorBase{Next: next}}
}

type inbound struct {
	interceptor.ActivityInboundInterceptorBase
}

// ExecuteActivity beats from the first interval on: most activities are over by
// then, and cost the server nothing.
func (i *inbound) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	own := begin(ctx, interval(activity.GetInfo(ctx).HeartbeatTimeout))
	defer own.Stop()
	return i.Next.ExecuteActivity(context.WithValue(ctx, carried{}, own), in)
}
