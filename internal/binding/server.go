package binding

import (
	"github.com/terragonlabs/holdfast/internal/config"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/plan"
)

// DatabaseHost returns the entry of host in database's cluster.
func DatabaseHost(database plan.Database, host string) (plan.DatabaseHost, error) {
	for _, one := range database.Hosts {
		if one.Host == host {
			return one, nil
		}
	}
	return plan.DatabaseHost{}, failure.New(failure.NotFound, "the plan has no server of database %s on host %s", database.Name, host)
}

// Server returns how holdfast itself reaches a server of database, as the
// superuser the plan names and in the database it protects.
func Server(database plan.Database, host plan.DatabaseHost) (pg.Server, error) {
	password, err := config.Resolve(string(host.Password))
	if err != nil {
		return pg.Server{}, failure.Wrap(failure.ClassOf(err), err, "resolve the password of %s on %s", database.Superuser, host.Host)
	}
	server := pg.Server{Port: host.Port, Database: database.DBName, User: database.Superuser, Password: password}
	if host.Conn != "" {
		if server, err = pg.ParseServer(config.NewSecret(host.Conn)); err != nil {
			return pg.Server{}, err
		}
		server = server.In(database.DBName).As(database.Superuser, password)
		server.Port = host.Port
	}
	server.Host = host.SocketDir
	if server.Host == "" {
		server.Host = "localhost"
	}
	return server, nil
}

// Login returns server as the application's role.
func Login(server pg.Server, role plan.DatabaseRole) (pg.Server, error) {
	password, err := config.Resolve(string(role.Password))
	if err != nil {
		return pg.Server{}, failure.Wrap(failure.ClassOf(err), err, "resolve the password of role %s", role.Name)
	}
	return server.As(role.Name, password), nil
}
