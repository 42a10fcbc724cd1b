package cfnsim

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// databaseKind is an RDS instance or cluster. With ManageMasterUserPassword it
// has a secret that RDS owns
// (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html).
// RDS itself is not simulated: nothing connects to the database.
func databaseKind(word, identifier string, created time.Duration) *kind {
	k := baseKind(created, 3*time.Minute, 4*time.Minute,
		identifier, "DBName", "DatabaseName", "Engine", "MasterUsername", "DBSubnetGroupName", "KmsKeyId", "StorageEncrypted", "CharacterSetName")
	k.identifier = identifier
	k.make = func(c *call) error {
		w := c.world()
		name := c.text(identifier)
		if name == "" {
			name = c.st.name + "-" + c.id + "-" + w.Name(12)
		}
		c.physical = strings.ToLower(name)
		port := c.text("Port")
		if port == "" {
			port = "5432"
			if strings.Contains(c.text("Engine"), "mysql") || strings.Contains(c.text("Engine"), "mariadb") {
				port = "3306"
			}
		}
		suffix := w.Hex(12) + "." + w.Region + ".rds." + w.URLSuffix()
		host := c.physical + "." + suffix
		attributes := object{"Endpoint.Address": host, "Endpoint.Port": json.Number(port), "Port": json.Number(port)}
		if word == "cluster" {
			attributes["Endpoint.Address"] = c.physical + ".cluster-" + suffix
			attributes["ReadEndpoint.Address"] = c.physical + ".cluster-ro-" + suffix
			attributes["DBClusterArn"] = w.ARN("rds", "cluster:"+c.physical)
			attributes["DBClusterResourceId"] = "cluster-" + w.Name(26)
		} else {
			attributes["DBInstanceArn"] = w.ARN("rds", "db:"+c.physical)
			attributes["DbiResourceId"] = "db-" + w.Name(26)
		}
		if err := c.take(); err != nil {
			return err
		}
		c.set(attributes)
		return masterSecret(c, word)
	}
	k.change = func(c *call) error { return masterSecret(c, word) }
	k.remove = func(c *call) error {
		if err := c.resists(); err != nil {
			return err
		}
		delete(c.svc.taken, c.typ+" "+c.physical)
		arn, ok := c.attributes[masterSecretARN].(string)
		if !ok || isNil(c.svc.deps.Secrets) {
			return nil
		}
		_, err := c.svc.deps.Secrets.DeleteSecret(c.ctx, &secretsmanager.DeleteSecretInput{SecretId: &arn, ForceDeleteWithoutRecovery: new(true)})
		return gone(err, "ResourceNotFoundException")
	}
	return k
}

const masterSecretARN = "MasterUserSecret.SecretArn"

// masterSecret makes the master user's secret where the template asks RDS to
// manage it and there is none yet.
func masterSecret(c *call, word string) error {
	if _, there := c.attributes[masterSecretARN]; there || !truth(c.new["ManageMasterUserPassword"]) {
		return nil
	}
	w := c.world()
	name := fmt.Sprintf("rds!%s-%s", word, w.UUID())
	value := text(object{"username": c.text("MasterUsername"), "password": w.Hex(32)})
	arn := w.ARN("secretsmanager", "secret:"+name+"-"+w.Name(6))
	switch {
	case c.svc.deps.OwnedSecret != nil:
		made, err := c.svc.deps.OwnedSecret(c.ctx, "rds", name, value)
		if err != nil {
			return err
		}
		arn = made
	case !isNil(c.svc.deps.Secrets):
		out, err := c.svc.deps.Secrets.CreateSecret(c.ctx, &secretsmanager.CreateSecretInput{Name: &name, SecretString: &value})
		if err != nil {
			return err
		}
		arn = str(out.ARN)
	}
	c.set(object{masterSecretARN: arn})
	return nil
}
