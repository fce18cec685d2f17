package runbook

import (
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"unicode"
)

// ActivityName returns the name under which an activity is registered:
// the package's name, a dot and the method's name, as in "postgres.FenceWrites".
// activity is a method value (postgres.Ref.FenceWrites) or a function.
//
// The SDK drops the package when it resolves a method value, so two packages
// could not both have an activity Check. Workers therefore register each struct
// with its package as prefix:
//
//	w.RegisterActivityWithOptions(acts, activity.RegisterOptions{Name: postgres.Prefix})
//
// and the kit calls by name. A test holds the two together.
func ActivityName(activity any) string {
	full := runtime.FuncForPC(reflect.ValueOf(activity).Pointer()).Name()
	// example.org/mod/activities/postgres.(*Activities).FenceWrites-fm
	base := full[strings.LastIndex(full, "/")+1:]
	parts := strings.Split(strings.TrimSuffix(base, "-fm"), ".")
	return parts[0] + "." + parts[len(parts)-1]
}

// maxSlugBytes bounds a step's key.
const maxSlugBytes = 80

// slug turns a title into an identifier: "Stop application writes" is
// "stop-application-writes".
func slug(title string) string {
	var b strings.Builder
	dash := false
	for _, r := range strings.ToLower(title) {
		if b.Len() >= maxSlugBytes {
			break
		}
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			if dash && b.Len() > 0 {
				b.WriteByte('-')
			}
			b.WriteRune(r)
			dash = false
			continue
		}
		dash = true
	}
	return b.String()
}

// key returns the stable identifier of the next step titled title. The second
// step of one title gets "-2". Steps are numbered in the order in which the
// workflow comes to them, which is the same in every replay and continuation.
func (s *state) key(title string) string {
	name := slug(title)
	s.slugs[name]++
	if n := s.slugs[name]; n > 1 {
		name += "-" + strconv.Itoa(n)
	}
	return name
}
