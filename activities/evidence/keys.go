package evidence

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/terragonlabs/holdfast/internal/store"
)

// maxNameBytes bounds one escaped name; a longer one is its beginning and its hash.
const maxNameBytes = 160

// folder is a run's folder. Names are escaped so that "../" or "/" in a workflow
// ID stays a name; a name of dots alone would escape to itself and is marked.
func (r Run) folder() string {
	return "v1/runs/" + escape(r.WorkflowID) + "/" + escape(r.FirstRunID) + "/"
}

func (r Run) page(first uint64) string {
	return fmt.Sprintf("%stimeline/%016d.json", r.folder(), first)
}

func (r Run) head(count uint64, phase string) string {
	return fmt.Sprintf("%sheads/%016d-%s.json", r.folder(), count, escape(phase))
}

func (r Run) undo(number int, object string) string {
	return fmt.Sprintf("%sundo/%06d/%s.json", r.folder(), number, object)
}

func leaseFolder(service string) string { return "v1/leases/" + escape(service) + "/" }

// clockKey is where a store's clock is read at the moment now.
func clockKey(service string, now time.Time) string {
	return "v1/clock/" + escape(service) + "/" + strconv.FormatInt(now.UnixNano(), 10) + ".json"
}

func leaseToken(service string, token uint64) string {
	return fmt.Sprintf("%s%016x/", leaseFolder(service), token)
}

func escape(name string) string {
	escaped := url.PathEscape(name)
	switch {
	case strings.Trim(escaped, ".") == "":
		return "%2E" + escaped
	case len(escaped) > maxNameBytes: // a store's path segment is bounded
		return escaped[:32] + "-" + store.DigestOf([]byte(name)).String()
	}
	return escaped
}
