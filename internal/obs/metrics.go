package obs

import (
	"context"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/opentelemetry"
	"go.uber.org/zap"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// Metrics holds every metric of a process.
type Metrics struct {
	// Registry takes holdfast's own collectors.
	Registry *prometheus.Registry

	provider *metric.MeterProvider
	log      *zap.Logger
}

// NewMetrics returns metrics with the Go runtime's, the process's and
// holdfast_build_info in it. Close them.
func NewMetrics(log *zap.Logger) (*Metrics, error) {
	registry := prometheus.NewRegistry()
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "holdfast_build_info", Help: "Always 1; the label says what runs.",
		ConstLabels: prometheus.Labels{"version": Version()},
	})
	build.Set(1)
	for _, collector := range []prometheus.Collector{
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), build,
	} {
		if err := registry.Register(collector); err != nil {
			return nil, failure.Wrap(failure.Internal, err, "register metrics")
		}
	}
	exporter, err := otelprometheus.New(otelprometheus.WithRegisterer(registry), otelprometheus.WithoutScopeInfo())
	if err != nil {
		return nil, failure.Wrap(failure.Internal, err, "make the metrics exporter")
	}
	return &Metrics{Registry: registry, provider: metric.NewMeterProvider(metric.WithReader(exporter)), log: log}, nil
}

// Temporal returns where Temporal's client and workers count. A metric that
// cannot be made is logged: counting must never stop a recovery.
func (m *Metrics) Temporal() client.MetricsHandler {
	return opentelemetry.NewMetricsHandler(opentelemetry.MetricsHandlerOptions{
		Meter:                m.provider.Meter("temporal"),
		UseMonotonicCounters: true,
		OnError:              func(err error) { m.log.Warn("metric lost", zap.Error(err)) },
	})
}

// Handler serves the metrics in Prometheus' format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.Registry, promhttp.HandlerOpts{Registry: m.Registry})
}

// Close ends the counting.
func (m *Metrics) Close(ctx context.Context) error {
	return failure.Wrap(failure.Unavailable, m.provider.Shutdown(ctx), "close metrics")
}
