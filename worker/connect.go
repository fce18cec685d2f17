package main

import (
	"context"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/converter"
	"go.uber.org/zap"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/obs"
	"github.com/terragonlabs/holdfast/internal/transport"
)

const (
	dialTimeout = 5 * time.Second
	redialEvery = time.Second
)

// connectOptions are what a Temporal client is made of, beside the environment.
type connectOptions struct {
	Log     *zap.Logger
	Metrics *obs.Metrics
	Timeout time.Duration
	// Codec encodes every payload and, with it, every failure message. Nil sends
	// them as they are.
	Codec converter.PayloadCodec
}

// connect returns a client for the server that the environment names, and
// registers the search attributes there. A server that is not up yet is waited
// for until Timeout; wrong settings are an error at once.
func connect(ctx context.Context, o connectOptions) (client.Client, error) {
	options, err := envconfig.LoadClientOptions(envconfig.LoadClientOptionsRequest{ConfigFileStrict: true})
	if err != nil {
		return nil, failure.New(failure.InvalidInput, "read Temporal's connection settings: %s", err).
			WithHint("env | grep TEMPORAL_; temporal config list")
	}
	options.Logger = obs.TemporalLogger(o.Log)
	options.MetricsHandler = o.Metrics.Temporal()
	if o.Codec != nil {
		options.DataConverter = converter.NewCodecDataConverter(converter.GetDefaultDataConverter(), o.Codec)
		options.FailureConverter = temporalFailureConverter(options.DataConverter)
	}
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	dialed, err := dial(ctx, options, o.Log)
	if err != nil {
		return nil, err
	}
	if err := registerSearchAttributes(ctx, dialed, options.Namespace); err != nil {
		dialed.Close()
		return nil, err
	}
	return dialed, nil
}

// dial tries until the server answers or ctx ends. What waiting cannot mend, such as
// a certificate that is not trusted, is an error at once.
func dial(ctx context.Context, options client.Options, log *zap.Logger) (client.Client, error) {
	for {
		attempt, cancel := context.WithTimeout(ctx, dialTimeout)
		dialed, err := client.DialContext(attempt, options)
		cancel()
		if err == nil {
			return dialed, nil
		}
		found := transport.Diagnose(ctx, options.HostPort, options.ConnectionOptions.TLS)
		if found != nil || !boundary.ClassOfServer(err).Retryable() {
			return nil, boundary.Unconnected(options.HostPort, err, found)
		}
		log.Warn("Temporal does not answer yet", zap.String("address", options.HostPort), zap.Error(err))
		select {
		case <-ctx.Done():
			return nil, boundary.Unconnected(options.HostPort, err, nil)
		case <-time.After(redialEvery):
		}
	}
}
