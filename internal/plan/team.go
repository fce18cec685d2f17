package plan

// Team is the emergency response team.
type Team struct {
	// People of the team.
	People []Person `json:"people"`
	// Roles they hold.
	Roles []Role `json:"roles"`
}

// Person is one member of the team.
type Person struct {
	// ID names the person in messages and signatures.
	ID string `json:"id"`
	// Name for readers.
	Name string `json:"name"`
	// Email address.
	Email string `json:"email,omitempty"`
	// Phone number.
	Phone string `json:"phone,omitempty"`
	// Keys are SSH public keys in authorized_keys format that sign this person's messages.
	Keys []string `json:"keys,omitempty"`
}

// Role is one office in an incident.
type Role struct {
	// Name of the role.
	Name string `json:"name"`
	// Title of the role.
	Title string `json:"title"`
	// Primary is the person who holds it.
	Primary string `json:"primary"`
	// Backup is the person who holds it when the primary cannot.
	Backup string `json:"backup,omitempty"`
	// Responsibilities of the role.
	Responsibilities []string `json:"responsibilities"`
}

// Contact is an address that is not a member of the team.
type Contact struct {
	// Name of the contact.
	Name string `json:"name"`
	// Kind of the contact: emergency, vendor or regulator.
	Kind ContactKind `json:"kind"`
	// Title of the contact.
	Title string `json:"title,omitempty"`
	// Email address.
	Email string `json:"email,omitempty"`
	// Phone number.
	Phone string `json:"phone,omitempty"`
}

// EscalationLevel names whom to tell after a time.
type EscalationLevel struct {
	// Level counts from 1.
	Level int `json:"level"`
	// After is the time passed without action.
	After Duration `json:"after"`
	// Notify names contacts, groups, roles or people.
	Notify []string `json:"notify"`
}

// Communication says who hears what.
type Communication struct {
	// Alert is the incident notification.
	Alert Alert `json:"alert"`
	// Audiences is the stakeholder communication matrix.
	Audiences []Audience `json:"audiences"`
	// StatusPage is the public page.
	StatusPage StatusPage `json:"status_page"`
	// Regulatory notifications.
	Regulatory Regulatory `json:"regulatory"`
	// SMTP sends mail; absent: no mail.
	SMTP *SMTP `json:"smtp,omitempty"`
}

// Alert is the template of incident notifications.
type Alert struct {
	// Title of every alert.
	Title string `json:"title"`
	// Severities an incident may have.
	Severities []Level `json:"severities"`
	// Statuses an incident passes through, in order.
	Statuses []string `json:"statuses"`
	// TimeFormat shown to readers.
	TimeFormat string `json:"time_format"`
	// Fields of the alert, in order.
	Fields []string `json:"fields"`
}

// Audience is one row of the communication matrix.
type Audience struct {
	// Name of the audience.
	Name string `json:"name"`
	// Title of the audience.
	Title string `json:"title"`
	// Levels of incident it hears of.
	Levels []Level `json:"levels"`
	// Channels it is told through, in order of preference.
	Channels []Channel `json:"channels"`
	// Immediate tells it at once.
	Immediate bool `json:"immediate,omitempty"`
	// Every is the time between updates; zero: every change.
	Every Duration `json:"every,omitempty"`
	// Notify names contacts, groups, roles or people.
	Notify []string `json:"notify,omitempty"`
}

// StatusPage is the public status page.
type StatusPage struct {
	// Domain it is served at.
	Domain string `json:"domain"`
	// Sections of the page.
	Sections []string `json:"sections,omitempty"`
}

// Regulatory holds duties towards authorities.
type Regulatory struct {
	// BreachWithin is the longest time from knowledge of a data breach to its notification.
	BreachWithin Duration `json:"breach_within"`
	// Duties beside it.
	Duties []string `json:"duties,omitempty"`
	// Notify names contacts, groups, roles or people.
	Notify []string `json:"notify,omitempty"`
}

// SMTP is the mail server.
type SMTP struct {
	// Address host:port.
	Address string `json:"address"`
	// From address of every mail.
	From string `json:"from"`
	// TLS mode.
	TLS TLSMode `json:"tls"`
	// CAFile holds extra root certificates, PEM.
	CAFile string `json:"ca_file,omitempty"`
	// Username to log in with; empty: no login.
	Username SecretRef `json:"username,omitempty"`
	// Password to log in with.
	Password SecretRef `json:"password,omitempty"`
}
