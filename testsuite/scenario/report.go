package scenario

import (
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/terragonlabs/holdfast/activities/reporting"
	"github.com/terragonlabs/holdfast/internal/binding"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/report"
	"github.com/terragonlabs/holdfast/internal/store"
)

// Report is a run's report as the stores hold it.
type Report struct {
	Markdown []byte
	HTML     []byte
	Input    report.Input  // what it was made of
	Result   report.Result // what it concludes
	Stores   []string      // that hold all of it, byte for byte
}

const maxReportBytes = 64 << 20

// ReadReport reads a report from every store and requires that each holds it
// whole. It believes no listing: every byte is read and compared with its digest.
func (s *Scenario) ReadReport(ctx context.Context, written *reporting.Written) (found Report, err error) {
	if written == nil {
		return found, failure.New(failure.NotFound, "the run wrote no report")
	}
	stores, closeAll, err := binding.Stores(ctx, s.Plan)
	if err != nil {
		return found, err
	}
	defer func() { err = errors.Join(err, closeAll()) }()
	var document []byte
	for _, from := range stores {
		for key, into := range map[string]*[]byte{written.Markdown: &found.Markdown, written.HTML: &found.HTML, written.JSON: &document} {
			if *into, err = readWhole(ctx, from, key, written.Digests[key]); err != nil {
				return found, err
			}
		}
		found.Stores = append(found.Stores, from.Name())
	}
	var parsed struct {
		report.Input
		Result report.Result `json:"result"`
	}
	err = json.Unmarshal(document, &parsed)
	found.Input, found.Result = parsed.Input, parsed.Result
	return found, failure.Wrap(failure.Corrupt, err, "read the report's JSON")
}

func readWhole(ctx context.Context, from store.Store, key string, want store.Digest) ([]byte, error) {
	body, _, err := from.Get(ctx, key, store.GetOptions{})
	if err != nil {
		return nil, failure.Wrap(failure.ClassOf(err), err, "read %s from store %s", key, from.Name())
	}
	text, err := io.ReadAll(io.LimitReader(body, maxReportBytes))
	if closing := body.Close(); err == nil {
		err = closing
	}
	if err == nil && store.DigestOf(text) != want {
		err = failure.New(failure.Corrupt, "%s in store %s is not what the run wrote", key, from.Name())
	}
	return text, failure.Wrap(failure.ClassOf(err), err, "read %s from store %s", key, from.Name())
}
