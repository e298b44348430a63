package catalog

// CheckDatabaseName tells why name may not be the name of a database that a user declares; nil: it may. System
// databases are refused in any case of letters.
func (e *Engine) CheckDatabaseName(name string) error { return e.names.databaseName(e, name) }

// CheckUserName tells why name may not be the name of an account that a user declares; nil: it may.
func (e *Engine) CheckUserName(name string) error { return e.names.userName(e, name) }

// CheckHost tells why host may not be the host part of an account; nil: it may. CIDR notation is allowed where
// NormalizeHost knows what the engine wants instead.
func (e *Engine) CheckHost(host string) error { return e.names.userHost(e, host) }

// NormalizeHost returns host as the engine stores it: 10.0.0.0/24 is 10.0.0.0/255.255.255.0 for MariaDB, and names are
// lower case. Empty is any host. What CheckHost refuses is returned unchanged.
func (e *Engine) NormalizeHost(host string) string { return e.names.normalizeHost(host) }

// Verifier is what the engine stores for a password, computed here so that no password travels. An engine that salts takes
// the salt from the caller, so that equal input gives equal text: it MUST be secret-derived and differ from account to
// account. Others ignore it.
func (e *Engine) Verifier(password string, salt []byte) string {
	return e.passwords.verifier(password, salt)
}

// CheckVerifier tells why v is not a verifier that the engine would store; nil: it is one. Its error never holds v.
func (e *Engine) CheckVerifier(v string) error { return e.passwords.checkVerifier(v) }
