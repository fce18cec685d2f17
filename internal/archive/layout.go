package archive

import (
	"fmt"
	"strings"
)

const (
	descriptorName = "set.json"
	partsFolder    = "parts/"
	manifestSuffix = ".json.zst.pgp"
	partSuffix     = ".tar.zst.pgp"
)

func setsPrefix(source string) string { return "v1/" + source + "/sets/" }

func setPrefix(source string, set SetID) string { return setsPrefix(source) + string(set) + "/" }

// DescriptorKey is where a set's descriptor is in every store.
func DescriptorKey(source string, set SetID) string { return setPrefix(source, set) + descriptorName }

func manifestKey(source string, set SetID, attempt string) string {
	return setPrefix(source, set) + "manifest-" + attempt + manifestSuffix
}

func partKey(source string, set SetID, n int, attempt string) string {
	return fmt.Sprintf("%s%s%08d-%s%s", setPrefix(source, set), partsFolder, n, attempt, partSuffix)
}

// setOfKey returns the set a key of this source belongs to, and the rest.
func setOfKey(source, key string) (set SetID, rest string, ok bool) {
	tail, ok := strings.CutPrefix(key, setsPrefix(source))
	if !ok {
		return "", "", false
	}
	name, rest, ok := strings.Cut(tail, "/")
	if !ok {
		return "", "", false
	}
	set, err := ParseSetID(name)
	return set, rest, err == nil
}
