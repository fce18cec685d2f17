package plan

// Plan is one disaster-recovery and business-continuity plan.
type Plan struct {
	// Document says what this plan is, who owns it and when it is reviewed.
	Document Document `json:"document"`
	// Objectives are the promised recovery times and the tolerated data losses.
	Objectives Objectives `json:"objectives"`
	// Priorities rank services; P1 is recovered first.
	Priorities []Priority `json:"priorities"`
	// Services are what users lose in a disruption.
	Services []Service `json:"services"`
	// Risks are the disruptions foreseen.
	Risks []Risk `json:"risks,omitempty"`
	// Strategies are the standing choices of where to recover to, in order.
	Strategies []Strategy `json:"strategies,omitempty"`
	// Application holds the design rules recovery relies on.
	Application Application `json:"application,omitzero"`
	// Sites are the places that can serve; exactly one is primary.
	Sites []Site `json:"sites"`
	// Failover says when to leave the primary site, and whether to come back.
	Failover Failover `json:"failover"`
	// Clock bounds how far hosts' clocks may disagree.
	Clock Clock `json:"clock"`
	// Stores are the buckets that hold every backup: two or more, at two providers or more.
	Stores []Store `json:"stores"`
	// Encryption says for whom backups are encrypted and who signs them.
	Encryption Encryption `json:"encryption"`
	// Schedules say how often each tier of backup runs.
	Schedules []Schedule `json:"schedules"`
	// Databases are the PostgreSQL databases under protection.
	Databases []Database `json:"databases,omitempty"`
	// Caches are the Redis instances under protection.
	Caches []Cache `json:"caches,omitempty"`
	// Sources are the file and configuration data sets under protection.
	Sources []Source `json:"sources,omitempty"`
	// Verification bounds what a finished backup may look like.
	Verification Verification `json:"verification,omitzero"`
	// Images are the container images recovery needs and the registries that hold them.
	Images Images `json:"images,omitzero"`
	// DNS is where users are pointed to the serving site.
	DNS *DNS `json:"dns,omitempty"`
	// Kubernetes is what is deployed at the recovery site's cluster.
	Kubernetes *Kubernetes `json:"kubernetes,omitempty"`
	// Compose is what is deployed where there is no cluster.
	Compose *Compose `json:"compose,omitempty"`
	// Team is the emergency response team.
	Team Team `json:"team"`
	// Authority says which roles may send which message to a run.
	Authority map[Message][]string `json:"authority"`
	// Contacts are addresses outside the team's roles: on-call lines, mailing lists, vendors.
	Contacts []Contact `json:"contacts"`
	// Groups name several recipients at once. Every plan has the group "all".
	Groups map[string][]string `json:"groups"`
	// Escalation names whom to tell when nobody has acted, by time passed.
	Escalation []EscalationLevel `json:"escalation"`
	// Communication says who hears what, how, and how often.
	Communication Communication `json:"communication"`
	// Runbooks are the recovery procedures, one a scenario.
	Runbooks []Runbook `json:"runbooks"`
	// Tests is the calendar of drills.
	Tests Tests `json:"tests"`

	source source // where the plan was read from; zero for a plan built in code
}

// Document identifies a plan to its readers.
type Document struct {
	// Title of the plan.
	Title string `json:"title"`
	// Subtitle of the plan.
	Subtitle string `json:"subtitle,omitempty"`
	// System is the name of the system the plan protects.
	System string `json:"system"`
	// Version of the text, as its authors count.
	Version string `json:"version"`
	// LastUpdated is the day of the last change.
	LastUpdated Date `json:"last_updated"`
	// NextReview is how long after LastUpdated the plan must be reviewed.
	NextReview Months `json:"next_review"`
	// Owner answers for the plan.
	Owner string `json:"owner"`
	// ApprovedBy lists the offices that approved it.
	ApprovedBy []string `json:"approved_by"`
}

// Objectives are the promises by class of service and of data.
type Objectives struct {
	// ServiceClasses hold recovery time objectives.
	ServiceClasses []ServiceClass `json:"service_classes"`
	// DataClasses hold recovery point objectives.
	DataClasses []DataClass `json:"data_classes"`
}

// ServiceClass is a recovery time objective shared by services of one kind.
type ServiceClass struct {
	// Name of the class, referred to by services.
	Name string `json:"name"`
	// Title of the class.
	Title string `json:"title"`
	// RTO is the longest time from disruption to verified service.
	RTO Duration `json:"rto"`
}

// DataClass is a recovery point objective shared by data of one kind.
type DataClass struct {
	// Name of the class, referred to by databases, caches and sources.
	Name string `json:"name"`
	// Title of the class.
	Title string `json:"title"`
	// RPO is the longest span of work that may be lost, or "none" where any loss is acceptable.
	RPO RPO `json:"rpo"`
}

// Priority is one rank of the service priority classification.
type Priority struct {
	// Level is P1 (first) to P4.
	Level Level `json:"level"`
	// Title of the rank.
	Title string `json:"title"`
	// RTO of every service of this rank.
	RTO Duration `json:"rto"`
	// RPO of every service of this rank.
	RPO RPO `json:"rpo"`
}

// Service is what users lose: the unit that is recovered.
type Service struct {
	// Name of the service, used in workflow IDs and commands.
	Name string `json:"name"`
	// Title of the service.
	Title string `json:"title"`
	// Priority is the service's rank.
	Priority Level `json:"priority"`
	// Class is the service's class in objectives.service_classes.
	Class string `json:"class,omitempty"`
	// RTO of this service alone, where it is stricter than its rank and class.
	RTO Duration `json:"rto,omitempty"`
	// RPO of this service alone, where it is stricter than its rank and data.
	RPO RPO `json:"rpo,omitempty"`
	// DependsOn names the services, and the built-in components dns and registry, that must be back first.
	DependsOn []string `json:"depends_on,omitempty"`
	// Databases it keeps its data in.
	Databases []string `json:"databases,omitempty"`
	// Caches it uses.
	Caches []string `json:"caches,omitempty"`
	// Sources it keeps its files and configuration in.
	Sources []string `json:"sources,omitempty"`
	// Deployments are the names of its Kubernetes deployments.
	Deployments []string `json:"deployments,omitempty"`
}

// Risk is one foreseen disruption.
type Risk struct {
	// Name of the risk.
	Name string `json:"name"`
	// Title of the risk.
	Title string `json:"title"`
	// Probability that it happens.
	Probability Likelihood `json:"probability"`
	// Impact if it happens.
	Impact Likelihood `json:"impact"`
	// Mitigation lists what is done against it.
	Mitigation []string `json:"mitigation"`
}

// Strategy is one line of defence for infrastructure.
type Strategy struct {
	// Rank orders the strategies: primary, secondary, tertiary.
	Rank string `json:"rank"`
	// Providers it relies on.
	Providers []string `json:"providers,omitempty"`
	// Approach in a few words.
	Approach string `json:"approach"`
	// Scope is what it covers.
	Scope string `json:"scope,omitempty"`
}

// Application holds design rules of the protected application.
type Application struct {
	// Principles that let any component be restarted anywhere.
	Principles []string `json:"principles,omitempty"`
}
