package relay

import (
	"context"

	"go.temporal.io/api/operatorservice/v1"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// operator passes on what a worker asks about search attributes as it starts.
type operator struct {
	operatorservice.UnimplementedOperatorServiceServer
	client operatorservice.OperatorServiceClient
}

func (o operator) ListSearchAttributes(ctx context.Context, in *operatorservice.ListSearchAttributesRequest) (*operatorservice.ListSearchAttributesResponse, error) {
	return o.client.ListSearchAttributes(ctx, in)
}

func (o operator) AddSearchAttributes(ctx context.Context, in *operatorservice.AddSearchAttributesRequest) (*operatorservice.AddSearchAttributesResponse, error) {
	return o.client.AddSearchAttributes(ctx, in)
}

// health passes on a worker's question whether Temporal serves.
type health struct {
	grpc_health_v1.UnimplementedHealthServer
	client grpc_health_v1.HealthClient
}

func (h health) Check(ctx context.Context, in *grpc_health_v1.HealthCheckRequest) (*grpc_health_v1.HealthCheckResponse, error) {
	return h.client.Check(ctx, in)
}
