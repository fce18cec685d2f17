package plan

// MaxExtractBytes bounds an extract as JSON, so that it travels in a workflow's
// payload and history stays small.
const MaxExtractBytes = 32 << 10

// Extract is what one run about one database needs of the plan. Secrets in it
// are references. It is a value: later changes of the plan do not reach it.
type Extract struct {
	PlanHash    Hash                 `json:"plan_hash"`
	Title       string               `json:"title"`   // of the plan's document
	Version     string               `json:"version"` // of its text
	System      string               `json:"system"`
	Owner       string               `json:"owner"`
	Database    Database             `json:"database"`
	Service     Service              `json:"service"`
	Objective   Effective            `json:"objective"`
	Runbook     Runbook              `json:"runbook"`
	Hosts       []HostPlace          `json:"hosts"` // those the database and its endpoint name
	Stores      []string             `json:"stores"`
	People      []Person             `json:"people"`
	Roles       []Role               `json:"roles"`
	Authority   map[Message][]string `json:"authority"`
	Notify      []Addressee          `json:"notify"` // Runbook.Notify, resolved
	Escalation  []ResolvedLevel      `json:"escalation"`
	Alert       Alert                `json:"alert"`
	ReportTitle string               `json:"report_title"`
	MaxOffset   Duration             `json:"max_offset"` // between clocks
}

// HostPlace is a host with the site and region it is in.
type HostPlace struct {
	Name    string `json:"name"`
	Address string `json:"address"`
	Site    string `json:"site"`
	Region  string `json:"region"`
}

// Addressee is one resolved recipient of a message.
type Addressee struct {
	ID    string `json:"id"` // contact or person
	Name  string `json:"name"`
	Email string `json:"email,omitempty"`
	Phone string `json:"phone,omitempty"`
}

// ResolvedLevel is an escalation level with its addressees.
type ResolvedLevel struct {
	Level  int         `json:"level"`
	After  Duration    `json:"after"`
	Notify []Addressee `json:"notify"`
}

// Effective is the objective that holds for a service after the stricter won,
// with where each figure comes from.
type Effective struct {
	RTO     Duration `json:"rto"`
	RTOFrom string   `json:"rto_from"` // as in "priority P1"
	RPO     RPO      `json:"rpo"`
	RPOFrom string   `json:"rpo_from"`
}
