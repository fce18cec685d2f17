package plan

import (
	"fmt"
	"strings"
)

func (j *judgement) checkSites() {
	primaries := 0
	seen := map[string]string{}
	for i, site := range j.p.Sites {
		at := fmt.Sprintf("sites[%d]", i)
		j.text(at+".region", site.Region)
		if site.Role == SitePrimary {
			primaries++
		}
		for k, host := range site.Hosts {
			here := fmt.Sprintf("%s.hosts[%d]", at, k)
			if other, taken := seen[host.Name]; taken {
				j.errorf(here+".name", "rename or remove one", "host %q is already at site %s", clip(host.Name), other)
			}
			seen[host.Name] = site.Name
			j.checkHost(here, host)
		}
	}
	if primaries != 1 {
		j.errorf("sites", "give role primary to exactly one site", "%d sites are primary", primaries)
	}
	if len(j.p.Sites) < 2 {
		j.warnf("sites", "add a secondary site", "there is no second site to fail over to")
	}
	j.positive("failover.threshold", j.p.Failover.Threshold)
}

func (j *judgement) checkHost(at string, host Host) {
	if !nameForm.MatchString(host.Name) || strings.Contains(host.Name, "..") {
		j.errorf(at+".name", "use up to 63 lower-case letters, digits, dots, dashes and underscores", "%q cannot be a name", clip(host.Name))
	}
	j.host(at+".address", host.Address)
	for i, key := range host.SigningKeys {
		here := fmt.Sprintf("%s.signing_keys[%d]", at, i)
		j.openPGPKey(here+".key", key.Key)
		if !key.ValidFrom.Time().Before(key.ValidUntil.Time()) {
			j.errorf(here+".valid_until", "write a day after valid_from", "the key is never valid")
		}
	}
	if len(host.SigningKeys) == 0 {
		j.needed(at, "add signing_keys", "host %s has no signing key: what it backs up cannot be believed", host.Name)
	}
}

// needed reports what a published plan may leave out and a run may not.
func (j *judgement) needed(at, fix, format string, args ...any) {
	if j.use == ForRunning {
		j.errorf(at, fix, format, args...)
		return
	}
	j.warnf(at, fix, format, args...)
}

// checkDelivery judges how users and images reach the serving site.
func (j *judgement) checkDelivery() {
	if dns := j.p.DNS; dns != nil {
		j.checkDNS(dns)
	}
	images := j.p.Images
	if len(images.Registries) == 1 {
		j.warnf("images.registries", "push every image to a second registry", "images are in one registry, whose outage stops a recovery")
	}
	for i, registry := range images.Registries {
		j.text(fmt.Sprintf("images.registries[%d]", i), registry)
	}
	if kube := j.p.Kubernetes; kube != nil {
		j.text("kubernetes.manifest", kube.Manifest)
		j.text("kubernetes.deployment.name", kube.Deployment.Name)
		j.text("kubernetes.deployment.image", kube.Deployment.Image)
		j.positiveCount("kubernetes.deployment.replicas", kube.Deployment.Replicas)
		j.quantities("kubernetes.deployment.requests", kube.Deployment.Requests)
		j.quantities("kubernetes.deployment.limits", kube.Deployment.Limits)
		j.environment("kubernetes.deployment.environment", kube.Deployment.Environment)
	}
	if compose := j.p.Compose; compose != nil {
		j.text("compose.image", compose.Image)
		j.positiveCount("compose.replicas", compose.Replicas)
		j.positiveCount("compose.restart.max_attempts", compose.Restart.MaxAttempts)
		j.environment("compose.environment", compose.Environment)
	}
}

func (j *judgement) checkDNS(dns *DNS) {
	j.text("dns.hosted_zone", dns.HostedZone)
	if dns.Provider == DNSRFC2136 {
		j.hostPort("dns.server", dns.Server)
	}
	for i, record := range dns.Records {
		at := fmt.Sprintf("dns.records[%d]", i)
		j.host(at+".name", record.Name)
		j.positive(at+".ttl", record.TTL)
		switch record.Type {
		case "A", "AAAA", "CNAME":
		default:
			j.errorf(at+".type", "write A, AAAA or CNAME", "%q is not a type holdfast changes", clip(record.Type))
		}
		for _, site := range j.p.Sites {
			if record.Targets[site.Name] == "" {
				j.errorf(at+".targets", "add "+site.Name+": …", "%s has no target for site %s", clip(record.Name), site.Name)
			}
		}
		for _, site := range sortedKeys(record.Targets) {
			j.refer(join(at+".targets", site), "site", site, j.sites)
			j.host(join(at+".targets", site), record.Targets[site])
		}
	}
}
