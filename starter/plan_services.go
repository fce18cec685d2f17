package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/terragonlabs/holdfast/internal/plan"
)

func (a *app) planServices() *cobra.Command {
	return &cobra.Command{
		Use:     "services",
		Short:   "List the services in the order they are recovered in",
		Long:    "Lists the plan's services in recovery order: what others need comes first, then priority. Where\ntwo objectives disagree the stricter one is shown.",
		Example: "  starter plan services --plan plan.yaml",
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return a.listServices() },
	}
}

// serviceOut is one service of `plan services -o json`.
type serviceOut struct {
	Name      string         `json:"name"`
	Title     string         `json:"title"`
	Priority  plan.Level     `json:"priority"`
	Objective plan.Effective `json:"objective"`
	DependsOn []string       `json:"depends_on,omitempty"`
	Databases []string       `json:"databases,omitempty"`
}

func (a *app) listServices() error {
	loaded, err := a.loadPlan()
	if err != nil {
		return err
	}
	order, err := loaded.RecoveryOrder()
	if err != nil {
		return err
	}
	var out []serviceOut
	for _, name := range order {
		if name == plan.ComponentDNS || name == plan.ComponentRegistry {
			continue // what services need, and none itself
		}
		service, err := loaded.Service(name)
		if err != nil {
			return err
		}
		objective, err := loaded.Objective(name)
		if err != nil {
			return err
		}
		out = append(out, serviceOut{Name: name, Title: service.Title, Priority: service.Priority, Objective: objective, DependsOn: service.DependsOn, Databases: service.Databases})
	}
	return a.print(out, func(w *tabwriter.Writer) {
		fmt.Fprintln(w, "SERVICE\tPRIORITY\tRTO\tRPO\tNEEDS\tDATABASES")
		for _, one := range out {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", one.Name, one.Priority, one.Objective.RTO, one.Objective.RPO,
				strings.Join(one.DependsOn, ","), strings.Join(one.Databases, ","))
		}
	})
}
