package main

import (
	"context"
	"fmt"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	sdkworker "go.temporal.io/sdk/worker"
	"go.uber.org/zap"

	"github.com/terragonlabs/holdfast/activities/clock"
	"github.com/terragonlabs/holdfast/activities/pulse"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/obs"
	"github.com/terragonlabs/holdfast/internal/plan"
)

// served is everything wire may build activities from.
type served struct {
	client  client.Client
	plan    *plan.Plan
	options runOptions
	queues  []string
	health  *obs.Health
	metrics *obs.Metrics
	log     *zap.Logger
}

// serve polls every queue until ctx ends or one of them fails for good.
func serve(ctx context.Context, s served) error {
	registrations, err := wire(ctx, s)
	if err != nil {
		return err
	}
	s.health.Add("temporal", func(ctx context.Context) error {
		_, err := s.client.CheckHealth(ctx, &client.CheckHealthRequest{})
		return failure.Wrap(failure.Unavailable, err, "ask Temporal for its health")
	})
	failed := make(chan error, len(s.queues))
	for _, queue := range s.queues {
		poller := sdkworker.New(s.client, queue, sdkworker.Options{
			WorkerStopTimeout: s.options.stopTimeout,
			// Every activity looks whether this host's clock is right, and beats, and the
			// SDK passes a beat on at least this often.
			Interceptors:                 []interceptor.WorkerInterceptor{clock.Interceptor(), pulse.Interceptor()},
			MaxHeartbeatThrottleInterval: pulse.Interval,
			Identity:                     fmt.Sprintf("%s %s", queue, identity()),
			OnFatalError: func(err error) {
				failed <- failure.Wrap(boundary.ClassOfServer(err), err, "poll task queue %s", queue)
			},
		})
		registrations.on(queue, poller)
		if err := poller.Start(); err != nil {
			return failure.Wrap(boundary.ClassOfServer(err), err, "poll task queue %s", queue)
		}
		// Stop waits for work under way, up to WorkerStopTimeout.
		defer poller.Stop()
	}
	s.log.Info("polling", zap.Strings("queues", s.queues))
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		s.log.Info("stopping; work under way may go on for a while", zap.Duration("at most", s.options.stopTimeout))
		return nil
	}
}
