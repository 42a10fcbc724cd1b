package main

import "strings"

// set takes a parameter over, in the driver's word. Those that only other
// drivers know, such as the size of a pool, are passed over.
func (a *address) set(key, value string) {
	key = strings.ToLower(key)
	switch key {
	case "user", "username":
		a.user = value
	case "password":
		secrets.add(value)
		a.password = value
	case "sslpassword": // of the key's file
		secrets.add(value)
		a.params[key] = value
	case "dbname", "database":
		a.name = value
	case "port":
		a.port = value
	case "host", "hostaddr":
		a.host = value
	default:
		if a.mysql {
			a.setMySQL(key, value)
		} else {
			a.setPostgreSQL(key, value)
		}
	}
}

func (a *address) setPostgreSQL(key, value string) {
	switch key {
	case "schema", "currentschema": // Prisma, JDBC
		if value == "public" { // the default, and poolers refuse the parameter
			return
		}
		key = "search_path"
	case "applicationname":
		key = "application_name"
	case "ssl": // JDBC, node-postgres
		if value != "true" && value != "1" {
			return
		}
		key, value = "sslmode", "require"
	case "ssl_require": // dj-database-url
		key, value = "sslmode", "require"
	}
	if libpq[key] || number[key] {
		a.params[key] = value
	}
}

func (a *address) setMySQL(key, value string) {
	switch key {
	case "tls", "socket":
		a.params[key] = value
	case "unix_socket":
		a.params["socket"] = value
	case "ssl", "usessl":
		if value == "true" || value == "1" {
			a.params["tls"] = "true"
		}
	case "ssl-mode", "ssl_mode", "sslmode", "sslaccept":
		switch strings.ToUpper(value) {
		case "REQUIRED", "REQUIRE", "ACCEPT_INVALID_CERTS":
			a.params["tls"] = "skip-verify"
		case "VERIFY_CA", "VERIFY_IDENTITY", "VERIFY-CA", "VERIFY-FULL", "STRICT":
			a.params["tls"] = "true"
		case "PREFERRED", "PREFER":
			a.params["tls"] = "preferred"
		}
	}
}

// libpq are the parameters of PostgreSQL's own client, those of the Go driver,
// and settings of the server that teams send along.
var libpq = words(`sslmode sslrootcert sslcert sslkey sslpassword sslsni target_session_attrs application_name options
 passfile service servicefile krbsrvname channel_binding search_path timezone role datestyle client_encoding
 statement_timeout lock_timeout idle_in_transaction_session_timeout default_query_exec_mode`)

// number are parameters that must be numbers.
var number = words(`connect_timeout statement_cache_capacity description_cache_capacity`)

func words(text string) map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.Fields(text) {
		out[w] = true
	}
	return out
}
