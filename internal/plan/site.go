package plan

// Site is a place that can serve.
type Site struct {
	// Name of the site, part of its task queue.
	Name string `json:"name"`
	// Region at its provider.
	Region string `json:"region"`
	// Role is primary for exactly one site.
	Role SiteRole `json:"role"`
	// KubernetesContext is the kubectl context of the site's cluster.
	KubernetesContext string `json:"kubernetes_context,omitempty"`
	// Hosts at this site that run a worker.
	Hosts []Host `json:"hosts,omitempty"`
}

// Host is one machine that runs a worker.
type Host struct {
	// Name of the host, part of its task queue.
	Name string `json:"name"`
	// Address others reach it at: a DNS name or an IP address, without port.
	Address string `json:"address"`
	// SigningKeys are the public keys that sign what this host backs up.
	SigningKeys []SigningKey `json:"signing_keys,omitempty"`
}

// SigningKey is a host's public key with the days it is valid, judged by store time.
type SigningKey struct {
	// Key is an OpenPGP public key, base64 on one line: gpg --export FINGERPRINT | base64 -w0.
	Key string `json:"key"`
	// ValidFrom is the first day, from 00:00 UTC.
	ValidFrom Date `json:"valid_from"`
	// ValidUntil is the first day it is no longer valid, from 00:00 UTC.
	ValidUntil Date `json:"valid_until"`
}

// Failover says when the primary site is left.
type Failover struct {
	// ConfigMap is the Kubernetes ConfigMap that carries these values.
	ConfigMap string `json:"config_map,omitempty"`
	// Threshold is how long the primary must be down before failing over.
	Threshold Duration `json:"threshold"`
	// AutoFailback returns to the primary when it is healthy again.
	AutoFailback bool `json:"auto_failback"`
}

// Clock bounds clocks.
type Clock struct {
	// MaxOffset is how far two hosts' clocks may disagree before it is a finding.
	MaxOffset Duration `json:"max_offset"`
}

// DNS is the zone that points users to the serving site.
type DNS struct {
	// Provider of the zone.
	Provider DNSProvider `json:"provider"`
	// HostedZone is the zone's identifier (route53) or name (rfc2136).
	HostedZone string `json:"hosted_zone"`
	// ChangeBatch is the file of the change that points to the recovery site.
	ChangeBatch string `json:"change_batch,omitempty"`
	// Server is the RFC 2136 server's host:port.
	Server string `json:"server,omitempty"`
	// Records point to the serving site.
	Records []DNSRecord `json:"records,omitempty"`
}

// DNSRecord is one name and its value at each site.
type DNSRecord struct {
	// Name of the record, fully qualified.
	Name string `json:"name"`
	// Type of the record: A, AAAA or CNAME.
	Type string `json:"type"`
	// TTL of the record.
	TTL Duration `json:"ttl"`
	// Targets maps each site's name to the record's value while it serves.
	Targets map[string]string `json:"targets"`
}

// Images says what container images recovery needs.
type Images struct {
	// Registries hold every image; two or more.
	Registries []string `json:"registries,omitempty"`
	// Names of the images, with tag.
	Names []string `json:"names,omitempty"`
	// Rules the images are built by.
	Rules []string `json:"rules,omitempty"`
}

// Kubernetes is the deployment of the recovery site.
type Kubernetes struct {
	// Manifest is the file that is applied.
	Manifest string `json:"manifest"`
	// Deployment is what the manifest holds.
	Deployment Deployment `json:"deployment"`
}

// Deployment is one Kubernetes deployment's values.
type Deployment struct {
	// Name of the deployment.
	Name string `json:"name"`
	// Labels of deployment and pods.
	Labels map[string]string `json:"labels"`
	// Replicas to run.
	Replicas int `json:"replicas"`
	// Container is the container's name.
	Container string `json:"container"`
	// Image with tag.
	Image string `json:"image"`
	// Environment of the container.
	Environment []EnvVar `json:"environment,omitempty"`
	// Requests are the resources asked for.
	Requests Resources `json:"requests"`
	// Limits are the resources allowed.
	Limits Resources `json:"limits"`
}

// EnvVar is one environment variable.
type EnvVar struct {
	// Name of the variable.
	Name string `json:"name"`
	// Value, which may refer to another variable as ${NAME}.
	Value string `json:"value"`
}

// Resources are Kubernetes quantities.
type Resources struct {
	// Memory as a Kubernetes quantity.
	Memory string `json:"memory"`
	// CPU as a Kubernetes quantity.
	CPU string `json:"cpu"`
}

// Compose is the Docker Compose service of the recovery site.
type Compose struct {
	// Version of the Compose file format.
	Version string `json:"version"`
	// Service is the service's name.
	Service string `json:"service"`
	// Image with tag.
	Image string `json:"image"`
	// Environment of the container.
	Environment []EnvVar `json:"environment,omitempty"`
	// Replicas to run.
	Replicas int `json:"replicas"`
	// Restart is the restart policy.
	Restart Restart `json:"restart"`
}

// Restart is a Compose restart policy.
type Restart struct {
	// Condition to restart on: none, on-failure or any.
	Condition string `json:"condition"`
	// Delay between attempts.
	Delay Duration `json:"delay"`
	// MaxAttempts before giving up.
	MaxAttempts int `json:"max_attempts"`
}
