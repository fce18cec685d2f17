package plan

import (
	"fmt"
	"regexp"
	"strings"
)

// claimed is a directory somebody writes to, or a port somebody listens on.
type claimed struct {
	at, what, value string
}

// checkDirectories refuses two users of one directory or port of a host: a
// restore into another's data directory is the disaster itself.
func (j *judgement) checkDirectories() {
	dirs, ports := map[string][]claimed{}, map[string][]claimed{}
	for i, db := range j.p.Databases {
		for k, host := range db.Hosts {
			at := fmt.Sprintf("databases[%d].hosts[%d]", i, k)
			dirs[host.Host] = append(dirs[host.Host],
				claimed{at + ".data_dir", "data directory of " + db.Name, host.DataDir},
				claimed{at + ".workspace", "workspace of " + db.Name, host.Workspace},
				claimed{fmt.Sprintf("databases[%d].backup.archive.spool_dir", i), "spool of " + db.Name, db.Backup.Archive.SpoolDir})
			ports[host.Host] = append(ports[host.Host],
				claimed{at + ".port", db.Name, fmt.Sprint(host.Port)},
				claimed{at + ".aside_port", db.Name + " restored aside", fmt.Sprint(host.AsidePort)})
		}
	}
	for _, s := range j.p.Stores {
		for host := range dirs {
			if s.Provider == StoreFile {
				dirs[host] = append(dirs[host], claimed{fmt.Sprintf("stores[%d].path", j.stores[s.Name]), "store " + s.Name, s.Path})
			}
		}
	}
	reported := map[string]bool{}
	for _, host := range sortedKeys(dirs) {
		j.clash(host, dirs[host], reported, nested)
		j.clash(host, ports[host], reported, func(a, b string) bool { return a == b })
	}
}

func (j *judgement) clash(host string, list []claimed, reported map[string]bool, same func(a, b string) bool) {
	for i, a := range list {
		for _, b := range list[:i] {
			key := a.at + "|" + b.at
			if a.value == "" || b.value == "" || !same(a.value, b.value) || reported[key] {
				continue
			}
			reported[key] = true
			j.errorf(a.at, "give each its own", "on host %s, %s (%s) and %s (%s) overlap",
				clip(host), a.what, clip(a.value), b.what, clip(b.value))
		}
	}
}

// nested reports whether one directory is, or lies in, the other.
func nested(a, b string) bool {
	return a == b || strings.HasPrefix(a, strings.TrimSuffix(b, "/")+"/") || strings.HasPrefix(b, strings.TrimSuffix(a, "/")+"/")
}

func (j *judgement) checkCaches() {
	for i, cache := range j.p.Caches {
		at := fmt.Sprintf("caches[%d]", i)
		j.refer(at+".data_class", "data class", cache.DataClass, j.dataClasses)
		if (cache.Address == "") == (cache.Sentinel == nil) {
			j.errorf(at, "give an address, or sentinel", "cache %s needs exactly one of address and sentinel", cache.Name)
		}
		if cache.Address != "" {
			j.hostPort(at+".address", cache.Address)
		}
		if cache.Sentinel == nil {
			continue
		}
		j.text(at+".sentinel.master", cache.Sentinel.Master)
		for k, address := range cache.Sentinel.Addresses {
			j.hostPort(fmt.Sprintf("%s.sentinel.addresses[%d]", at, k), address)
		}
		if len(cache.Sentinel.Addresses) < 3 {
			j.warnf(at+".sentinel.addresses", "run three or more", "fewer than three Sentinels cannot outvote a lost one")
		}
	}
}

func (j *judgement) checkSources() {
	for i, source := range j.p.Sources {
		at := fmt.Sprintf("sources[%d]", i)
		j.refer(at+".data_class", "data class", source.DataClass, j.dataClasses)
		if source.Kind == SourceKubernetes {
			j.refer(at+".site", "site", source.Site, j.sites)
			j.notEmpty(at+".resources", len(source.Resources))
			if k, ok := j.sites[source.Site]; ok && j.p.Sites[k].KubernetesContext == "" {
				j.errorf(at+".site", "add kubernetes_context to the site", "site %s has no cluster", source.Site)
			}
			continue
		}
		j.notEmpty(at+".hosts", len(source.Hosts))
		j.notEmpty(at+".paths", len(source.Paths))
		for k, host := range source.Hosts {
			j.referHost(fmt.Sprintf("%s.hosts[%d]", at, k), host)
		}
		for k, path := range source.Paths {
			j.absolute(fmt.Sprintf("%s.paths[%d]", at, k), path)
		}
		j.absoluteIfSet(at+".exclude_file", source.ExcludeFile)
		j.absoluteIfSet(at+".workspace", source.Workspace)
	}
	v := j.p.Verification
	if v.MaxSize > 0 && v.MinSize >= v.MaxSize {
		j.errorf("verification.max_size", "write more than min_size", "no set can be above %s and below %s", v.MinSize, v.MaxSize)
	}
}

var quantityForm = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$`)

func (j *judgement) quantities(at string, r Resources) {
	for key, value := range map[string]string{"memory": r.Memory, "cpu": r.CPU} {
		if !quantityForm.MatchString(value) {
			j.errorf(at+"."+key, "write a Kubernetes quantity: 1Gi, 500m", "%q is not a quantity", clip(value))
		}
	}
}
