package main

import (
	"context"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/runbook"
)

// registerSearchAttributes makes the keywords by which runs are found, where the
// namespace lacks them. Twice, or by several
// workers at once: the attributes are there, which is what was wanted. One that
// exists with another type is an Exists error: the server would refuse every
// workflow that sets it.
func registerSearchAttributes(ctx context.Context, c client.Client, namespace string) error {
	known, err := knownAttributes(ctx, c, namespace)
	if err != nil {
		return err
	}
	missing := map[string]enums.IndexedValueType{}
	for _, name := range runbook.SearchAttributes() {
		kind, exists := known[name]
		if exists && kind != enums.INDEXED_VALUE_TYPE_KEYWORD {
			return failure.New(failure.Exists, "search attribute %s of namespace %s is of type %s, and holdfast needs Keyword", name, namespace, kind).
				WithHint("use a namespace of its own (TEMPORAL_NAMESPACE), or: temporal operator search-attribute remove --name %s", name)
		}
		if !exists {
			missing[name] = enums.INDEXED_VALUE_TYPE_KEYWORD
		}
	}
	if len(missing) == 0 {
		return nil
	}
	_, err = c.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
		Namespace: namespace, SearchAttributes: missing,
	})
	if err != nil && boundary.ClassOfServer(err) != failure.Exists { // another worker was faster
		return failure.Wrap(boundary.ClassOfServer(err), err, "register search attributes in namespace %s", namespace)
	}
	return nil
}

func knownAttributes(ctx context.Context, c client.Client, namespace string) (map[string]enums.IndexedValueType, error) {
	listed, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return nil, failure.Wrap(boundary.ClassOfServer(err), err, "list search attributes of namespace %s", namespace)
	}
	return listed.GetCustomAttributes(), nil
}
