package plan

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
)

// plainSecrets are forms of secrets that are none by mistake.
var plainSecrets = regexp.MustCompile(
	`-----BEGIN [A-Z ]*PRIVATE KEY|\b(AKIA|ASIA)[0-9A-Z]{16}\b|://[^/@\s:]*:[^/@\s]+@|(?i)\bpassword\s*=\s*\S`)

// checkSecrets looks at every text of the plan: a secret anywhere in it is in
// every copy of it, and copies are in every store.
func (j *judgement) checkSecrets() { j.scan(reflect.ValueOf(*j.p), "") }

func (j *judgement) scan(value reflect.Value, path string) {
	switch value.Kind() {
	case reflect.String:
		if plainSecrets.MatchString(value.String()) {
			j.plainSecret(path)
		}
	case reflect.Pointer:
		if !value.IsNil() {
			j.scan(value.Elem(), path)
		}
	case reflect.Slice:
		for i := range value.Len() {
			j.scan(value.Index(i), fmt.Sprintf("%s[%d]", path, i))
		}
	case reflect.Map:
		for _, key := range value.MapKeys() {
			j.scan(value.MapIndex(key), join(path, key.String()))
		}
	case reflect.Struct:
		for i := range value.NumField() {
			name, _, _ := strings.Cut(value.Type().Field(i).Tag.Get("json"), ",")
			if name != "" {
				j.scan(value.Field(i), join(path, name))
			}
		}
	default:
	}
}

func (j *judgement) plainSecret(path string) {
	j.errorf(path, "put it in a file or the environment, refer to it as file:/path or env:NAME, and change it now",
		"this looks like a secret in plain text").Excerpt = ""
}

var secretName = regexp.MustCompile(`(?i)(PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY|PRIVATE_?KEY)$`)

// environment refuses secrets by the name of the variable.
func (j *judgement) environment(at string, vars []EnvVar) {
	for i, v := range vars {
		here := fmt.Sprintf("%s[%d]", at, i)
		if !envForm.MatchString(v.Name) {
			j.errorf(here+".name", "use letters, digits and underscores", "%q is not the name of a variable", clip(v.Name))
		}
		if secretName.MatchString(v.Name) && v.Value != "" && !strings.HasPrefix(v.Value, "${") {
			j.errorf(here+".value", "write ${"+clip(v.Name)+"}", "%s looks like a secret in plain text", clip(v.Name)).Excerpt = ""
		}
	}
}

var envForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)
