package plan

import (
	"fmt"
	"slices"
)

func (j *judgement) checkTeam() {
	j.notEmpty("team.people", len(j.p.Team.People))
	j.notEmpty("team.roles", len(j.p.Team.Roles))
	owners := map[string]string{}
	for i, person := range j.p.Team.People {
		at := fmt.Sprintf("team.people[%d]", i)
		j.text(at+".name", person.Name)
		j.emailIfSet(at+".email", person.Email)
		j.phoneIfSet(at+".phone", person.Phone)
		for k, key := range person.Keys {
			here := fmt.Sprintf("%s.keys[%d]", at, k)
			j.sshKey(here, key)
			blob := keyBlob(key)
			if owner, taken := owners[blob]; taken && blob != "" {
				j.errorf(here, "let each person sign with a key of their own", "this key is already %s's: one person could be two approvers", owner)
			}
			owners[blob] = person.ID
		}
		if len(person.Keys) == 0 {
			j.warnf(at, "add keys: the line of the person's .pub file", "%s cannot sign: no message of theirs changes a run", person.ID)
		}
		if person.Email == "" && person.Phone == "" {
			j.warnf(at, "add email or phone", "%s cannot be reached", person.ID)
		}
	}
	for i, role := range j.p.Team.Roles {
		at := fmt.Sprintf("team.roles[%d]", i)
		j.refer(at+".primary", "person", role.Primary, j.people)
		if role.Backup == "" {
			j.warnf(at, "name a backup", "role %s rests on one person", role.Name)
			continue
		}
		j.refer(at+".backup", "person", role.Backup, j.people)
		if role.Backup == role.Primary {
			j.errorf(at+".backup", "name another person", "primary and backup of %s are one person", role.Name)
		}
	}
}

// checkAuthority demands an answer for every message, and none for any other.
func (j *judgement) checkAuthority() {
	for _, message := range Message("").Values() {
		if len(j.p.Authority[Message(message)]) == 0 {
			j.errorf("authority", "add "+message+": [role, …]", "nobody may send %s", message)
		}
	}
	for _, message := range Message("").Values() {
		j.referAll(join("authority", message), "role", j.p.Authority[Message(message)], j.roles)
	}
}

func (j *judgement) checkContacts() {
	for i, contact := range j.p.Contacts {
		at := fmt.Sprintf("contacts[%d]", i)
		if contact.Email == "" && contact.Phone == "" {
			j.errorf(at, "add email or phone", "contact %s cannot be reached", contact.Name)
		}
		j.emailIfSet(at+".email", contact.Email)
		j.phoneIfSet(at+".phone", contact.Phone)
		j.checkShadow(at+".name", contact.Name)
	}
	for _, role := range j.p.Team.Roles {
		if _, taken := j.people[role.Name]; taken {
			j.errorf(fmt.Sprintf("team.roles[%d].name", j.roles[role.Name]), "rename one", "%s is a person and a role", role.Name)
		}
	}
	if len(j.p.Groups[GroupAll]) == 0 {
		j.errorf("groups", "add "+GroupAll+": with everybody who can be told", "the group %s is missing", GroupAll)
	}
	for _, group := range sortedKeys(j.p.Groups) {
		at := join("groups", group)
		if !nameForm.MatchString(group) {
			j.errorf(at, "use lower-case letters, digits, dashes and underscores", "%q cannot be a name", clip(group))
		}
		if _, taken := j.contacts[group]; taken {
			j.errorf(at, "rename one", "%s is a group and a contact", group)
		}
		j.checkShadow(at, group)
		for i, member := range j.p.Groups[group] {
			if _, nestedGroup := j.p.Groups[member]; nestedGroup {
				j.errorf(fmt.Sprintf("%s[%d]", at, i), "list its members", "a group cannot hold the group %s", member)
			}
		}
		j.addressees(at, j.p.Groups[group])
	}
	j.checkEscalation()
}

// checkShadow refuses a name that would mean two things in a list of recipients.
func (j *judgement) checkShadow(at, name string) {
	if _, taken := j.people[name]; taken {
		j.errorf(at, "rename one", "%s is also a person", name)
	}
	if _, taken := j.roles[name]; taken {
		j.errorf(at, "rename one", "%s is also a role", name)
	}
}

func (j *judgement) checkEscalation() {
	j.notEmpty("escalation", len(j.p.Escalation))
	for i, level := range j.p.Escalation {
		at := fmt.Sprintf("escalation[%d]", i)
		if level.Level != i+1 {
			j.errorf(at+".level", fmt.Sprintf("write %d", i+1), "levels count from 1, in order")
		}
		j.positive(at+".after", level.After)
		if i > 0 && level.After <= j.p.Escalation[i-1].After {
			j.errorf(at+".after", "write more than "+j.p.Escalation[i-1].After.String(), "level %d is not later than the one before", level.Level)
		}
		j.notEmpty(at+".notify", len(level.Notify))
		j.addressees(at+".notify", level.Notify)
	}
}

// addressees demands that every name can be told something.
func (j *judgement) addressees(at string, list []string) {
	known := map[string]int{}
	for _, index := range []map[string]int{j.contacts, j.roles, j.people} {
		for name := range index {
			known[name] = 0
		}
	}
	for name := range j.p.Groups {
		known[name] = 0
	}
	j.referAll(at, "contact, group, role or person", list, known)
}

// keyHolders counts the people of roles who can sign.
func (j *judgement) keyHolders(roles []string) (people, signing int) {
	holders := j.p.Holders(roles...)
	for _, person := range j.p.Team.People {
		if slices.Contains(holders, person.ID) {
			people++
			if len(person.Keys) > 0 {
				signing++
			}
		}
	}
	return people, signing
}
