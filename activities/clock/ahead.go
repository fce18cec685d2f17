package clock

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
)

// tolerated is how far a host's clock may be from the server's before the worker
// warns: what hands a task over takes seconds at worst.
const tolerated = 10 * time.Second

// ahead names the gauge: seconds by which this host's clock is ahead of Temporal's
// server's, delivery of the task included; negative: behind.
const ahead = "holdfast_clock_ahead_seconds"

// Interceptor has a worker hold its host's clock against that of Temporal's server
// at every activity. What the SDK ends before it began, since its time is over by
// this clock, is answered with the reason: by itself the SDK reports nothing then,
// and the server would only see silence.
func Interceptor() interceptor.WorkerInterceptor { return &comparing{} }

type comparing struct {
	interceptor.WorkerInterceptorBase
}

func (*comparing) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &inbound{interceptor.ActivityInboundInterceptorBase{Next: next}}
}

type inbound struct {
	interceptor.ActivityInboundInterceptorBase
}

func (i *inbound) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	info := activity.GetInfo(ctx)
	by := time.Now().Round(0).Sub(info.StartedTime) // of the wall clock
	activity.GetMetricsHandler(ctx).Gauge(ahead).Update(by.Seconds())
	if by.Abs() > tolerated {
		activity.GetLogger(ctx).Warn("this host's clock is not that of Temporal's server: timedatectl", "ahead", by.Round(time.Second).String())
	}
	if by <= tolerated || !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return i.Next.ExecuteActivity(ctx, in)
	}
	err := boundary.Out(failure.New(failure.CheckFailed, "the time of this activity was over before it began: by the clock of its worker's host, "+
		"Temporal's server handed it out %s ago", by.Round(time.Second)).
		WithHint("set that host's clock right (timedatectl), then retry: it is ahead, or the worker stood still for that long"))
	return nil, errors.Join(err, answer(ctx, info.TaskToken, err))
}

// answerLimit bounds the answer: the server may be gone.
const answerLimit = 10 * time.Second

// answer tells the server why, past the SDK, which keeps what ends after its
// deadline to itself. An activity that the server has given up on meanwhile needs
// no answer; its error is logged with the rest.
func answer(ctx context.Context, token []byte, why error) error {
	client := activity.GetClient(ctx)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerLimit)
	defer cancel()
	return client.CompleteActivity(ctx, token, nil, why)
}
