package amqp

import (
	"cmp"
	"context"
	"slices"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/transport/amqp/oslo"
)

// troveDatabase and troveUser are Trove's models as they are serialised (trove/common/db/mysql/models.py).
type troveDatabase struct {
	Name         string  `json:"_name"`
	CharacterSet *string `json:"_character_set"`
	Collate      *string `json:"_collate"`
}

type troveUser struct {
	Name      string          `json:"_name"`
	Host      *string         `json:"_host"`
	Password  *string         `json:"_password"`
	Databases []troveDatabase `json:"_databases"`
	IsRoot    bool            `json:"_is_root"`
}

// anyHost is where a user of Trove may come from when nothing is said.
const anyHost = "%"

func (u troveUser) named() guest.UserName {
	name := guest.UserName{Name: u.Name, Host: anyHost}
	if u.Host != nil && *u.Host != "" {
		name.Host = *u.Host
	}
	return name
}

func orEmpty(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

func (t *trove) listDatabases(ctx context.Context, c oslo.Request) (any, error) {
	seen, err := t.inspect(ctx, c)
	if err != nil {
		return nil, err
	}
	all := []troveDatabase{}
	for _, database := range seen.Databases {
		all = append(all, troveDatabase{database.Name, &database.Charset, &database.Collation})
	}
	out, next, err := page(c, all, func(d troveDatabase) string { return d.Name })
	return []any{out, next}, err
}

func (t *trove) users(ctx context.Context, c oslo.Request) ([]troveUser, error) {
	seen, err := t.inspect(ctx, c)
	if err != nil {
		return nil, err
	}
	all := []troveUser{}
	for _, user := range seen.Users {
		one := troveUser{Name: user.Name, Host: &user.Host, Databases: []troveDatabase{}}
		for _, grant := range user.Grants {
			one.Databases = append(one.Databases, troveDatabase{Name: grant.Database})
		}
		all = append(all, one)
	}
	return all, nil
}

func (t *trove) listUsers(ctx context.Context, c oslo.Request) (any, error) {
	all, err := t.users(ctx, c)
	if err != nil {
		return nil, err
	}
	marked := func(u troveUser) string { return u.Name + "@" + *u.Host }
	slices.SortFunc(all, func(a, b troveUser) int { return cmp.Compare(marked(a), marked(b)) })
	out, next, err := page(c, all, marked)
	return []any{out, next}, err
}

func (t *trove) getUser(ctx context.Context, c oslo.Request) (any, error) {
	name, err := arg[string](c, "username")
	if err != nil {
		return nil, err
	}
	host, err := arg[*string](c, "hostname")
	if err != nil {
		return nil, err
	}
	all, err := t.users(ctx, c)
	if err != nil {
		return nil, err
	}
	wanted := troveUser{Name: name, Host: host}.named()
	for _, user := range all {
		if user.named() == wanted {
			return user, nil
		}
	}
	return nil, nil
}

// isRootEnabled looks for an account of that name which is not one of the system's: those are hidden.
func (t *trove) isRootEnabled(ctx context.Context, c oslo.Request) (any, error) {
	all, err := t.users(ctx, c)
	return slices.ContainsFunc(all, func(u troveUser) bool { return u.Name == "root" }), err
}

func (t *trove) createDatabases(ctx context.Context, c oslo.Request) error {
	databases, err := arg[[]troveDatabase](c, "databases")
	if err != nil {
		return err
	}
	for i, database := range databases {
		body := guest.PutDatabase{Database: guest.Database{
			Name: database.Name, Charset: orEmpty(database.CharacterSet), Collation: orEmpty(database.Collate),
		}}
		if _, err := t.ask(ctx, part(c, i), guest.MethodPutDatabase, body); err != nil {
			return err
		}
	}
	return nil
}

func (t *trove) deleteDatabase(ctx context.Context, c oslo.Request) error {
	database, err := arg[troveDatabase](c, "database")
	if err != nil {
		return err
	}
	return t.change(ctx, c, guest.MethodDropDatabase, guest.DropDatabase{Name: database.Name})
}

func (t *trove) createUsers(ctx context.Context, c oslo.Request) error {
	users, err := arg[[]troveUser](c, "users")
	if err != nil {
		return err
	}
	for i, user := range users {
		grants := []guest.Grant{}
		for _, database := range user.Databases {
			grants = append(grants, guest.Grant{Database: database.Name, Privileges: []string{"ALL PRIVILEGES"}})
		}
		if err := t.putUser(ctx, part(c, i), user.named(), orEmpty(user.Password), grants); err != nil {
			return err
		}
	}
	return nil
}

func (t *trove) putUser(ctx context.Context, id string, name guest.UserName, password string, grants []guest.Grant) error {
	if t.Verifier == nil {
		return guest.Errorf(guest.KindUnsupported, "this guest takes no passwords from Trove's clients")
	}
	verifier, err := t.Verifier(password)
	if err != nil {
		return guest.Errorf(guest.KindInvalid, "the password of the user %q cannot be used", name.Name)
	}
	_, err = t.ask(ctx, id, guest.MethodPutUser, guest.PutUser{Name: name.Name, Host: name.Host, Verifier: verifier, Grants: grants})
	return err
}

func (t *trove) deleteUser(ctx context.Context, c oslo.Request) error {
	user, err := arg[troveUser](c, "user")
	if err != nil {
		return err
	}
	return t.change(ctx, c, guest.MethodDropUser, guest.DropUser{UserName: user.named()})
}

// changePasswords names its users by keys of its own, as Trove does.
func (t *trove) changePasswords(ctx context.Context, c oslo.Request) error {
	users, err := arg[[]struct {
		Name     string  `json:"name"`
		Password string  `json:"password"`
		Host     *string `json:"host"`
	}](c, "users")
	if err != nil {
		return err
	}
	for i, user := range users {
		name := troveUser{Name: user.Name, Host: user.Host}.named()
		if err := t.putUser(ctx, part(c, i), name, user.Password, []guest.Grant{}); err != nil {
			return err
		}
	}
	return nil
}
