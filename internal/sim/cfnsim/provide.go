package cfnsim

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"
)

func errorCode(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return ""
}

func repositoryKind(api ECR) *kind {
	k := baseKind(2*time.Second, 2*time.Second, 2*time.Second, "RepositoryName", "EncryptionConfiguration")
	k.attributes, k.identifier = []string{"Arn", "RepositoryUri"}, "RepositoryName"
	policy := func(c *call) error {
		p, _ := c.new["LifecyclePolicy"].(object)
		if body := text(p["LifecyclePolicyText"]); body != "" {
			_, err := api.PutLifecyclePolicy(c.ctx, &ecr.PutLifecyclePolicyInput{RepositoryName: &c.physical, LifecyclePolicyText: &body})
			return err
		}
		if c.old["LifecyclePolicy"] == nil {
			return nil
		}
		_, err := api.DeleteLifecyclePolicy(c.ctx, &ecr.DeleteLifecyclePolicyInput{RepositoryName: &c.physical})
		return gone(err, "LifecyclePolicyNotFoundException")
	}
	k.make = func(c *call) error {
		w := c.world()
		c.physical = strings.ToLower(c.name("RepositoryName"))
		c.set(object{
			"Arn":           w.ARN("ecr", "repository/"+c.physical),
			"RepositoryUri": fmt.Sprintf("%s.dkr.ecr.%s.%s/%s", w.Account, w.Region, w.URLSuffix(), c.physical),
		})
		if isNil(api) {
			return nil
		}
		in := &ecr.CreateRepositoryInput{}
		if err := fill(in, c.new); err != nil {
			return err
		}
		in.RepositoryName = &c.physical
		if _, err := api.CreateRepository(c.ctx, in); err != nil {
			return err
		}
		return policy(c)
	}
	if !isNil(api) {
		k.change = policy
		k.remove = func(c *call) error {
			_, err := api.DeleteRepository(c.ctx, &ecr.DeleteRepositoryInput{RepositoryName: &c.physical, Force: truth(c.new["EmptyOnDelete"])})
			return gone(err, "RepositoryNotFoundException")
		}
	}
	return k
}

func logGroupKind(api Logs) *kind {
	k := baseKind(2*time.Second, 2*time.Second, time.Second, "LogGroupName")
	k.attributes, k.identifier = []string{"Arn"}, "LogGroupName"
	retain := func(c *call) error {
		days, err := strconv.ParseInt(c.text("RetentionInDays"), 10, 32)
		if err != nil {
			return nil //nolint:nilerr // not set: kept for ever
		}
		_, err = api.PutRetentionPolicy(c.ctx, &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: &c.physical, RetentionInDays: ptr(int32(days))})
		return err
	}
	k.make = func(c *call) error {
		c.physical = c.name("LogGroupName")
		c.set(object{"Arn": c.world().ARN("logs", "log-group:"+c.physical+":*")})
		if isNil(api) {
			return nil
		}
		if _, err := api.CreateLogGroup(c.ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &c.physical}); err != nil {
			return err
		}
		return retain(c)
	}
	if !isNil(api) {
		k.change = retain
		k.remove = func(c *call) error {
			_, err := api.DeleteLogGroup(c.ctx, &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: &c.physical})
			return gone(err, "ResourceNotFoundException")
		}
	}
	return k
}

func secretKind(api Secrets) *kind {
	k := baseKind(2*time.Second, 2*time.Second, 2*time.Second, "Name")
	k.attributes, k.identifier = []string{"Id"}, "Id"
	k.make = func(c *call) error {
		name, value := c.name("Name"), secretValue(c)
		c.physical = c.world().ARN("secretsmanager", "secret:"+name+"-"+c.world().Name(6))
		if !isNil(api) {
			in := &secretsmanager.CreateSecretInput{Name: &name, SecretString: &value, ClientRequestToken: &c.token}
			if d := c.text("Description"); d != "" {
				in.Description = &d
			}
			if key := c.text("KmsKeyId"); key != "" {
				in.KmsKeyId = &key
			}
			out, err := api.CreateSecret(c.ctx, in)
			if err != nil {
				return err
			}
			c.physical = str(out.ARN)
		}
		c.set(object{"Id": c.physical})
		return nil
	}
	if !isNil(api) {
		k.change = func(c *call) error {
			in := &secretsmanager.UpdateSecretInput{SecretId: &c.physical, ClientRequestToken: &c.token}
			if !same(c.new["SecretString"], c.old["SecretString"]) || !same(c.new["GenerateSecretString"], c.old["GenerateSecretString"]) {
				in.SecretString = ptr(secretValue(c))
			}
			if d := c.text("Description"); d != text(c.old["Description"]) {
				in.Description = &d
			}
			if key := c.text("KmsKeyId"); key != text(c.old["KmsKeyId"]) {
				in.KmsKeyId = &key
			}
			_, err := api.UpdateSecret(c.ctx, in)
			return err
		}
		k.remove = func(c *call) error {
			_, err := api.DeleteSecret(c.ctx, &secretsmanager.DeleteSecretInput{SecretId: &c.physical, ForceDeleteWithoutRecovery: ptr(true)})
			return gone(err, "ResourceNotFoundException")
		}
	}
	return k
}

// secretValue is SecretString or a generated password.
func secretValue(c *call) string {
	if v, ok := c.new["SecretString"]; ok {
		return text(v)
	}
	g, _ := c.new["GenerateSecretString"].(object)
	password := c.world().Hex(32)
	key := text(g["GenerateStringKey"])
	m := object{}
	if key == "" || json.Unmarshal([]byte(text(g["SecretStringTemplate"])), &m) != nil {
		return password
	}
	m[key] = password
	return text(m)
}

func ssmKind(api SSM) *kind {
	k := baseKind(2*time.Second, 2*time.Second, 2*time.Second, "Name")
	k.attributes, k.identifier = []string{"Type", "Value"}, "Name"
	put := func(c *call) error {
		c.set(object{"Type": c.new["Type"], "Value": c.new["Value"]})
		if isNil(api) {
			return nil
		}
		in := &ssm.PutParameterInput{Name: &c.physical, Value: ptr(c.text("Value")), Type: ssmtypes.ParameterType(c.text("Type")), Overwrite: ptr(len(c.old) > 0)}
		if d := c.text("Description"); d != "" {
			in.Description = &d
		}
		// The tier is sent each time, so that a rollback may ask for what cannot be
		// had: https://github.com/aws-cloudformation/aws-cloudformation-resource-providers-ssm.
		in.Tier = ssmtypes.ParameterTier(c.text("Tier"))
		if p := c.text("AllowedPattern"); p != "" {
			in.AllowedPattern = &p
		}
		_, err := api.PutParameter(c.ctx, in)
		return err
	}
	k.make = func(c *call) error {
		if c.physical = c.text("Name"); c.physical == "" {
			c.physical = "CFN-" + c.id + "-" + c.world().Name(12)
		}
		return put(c)
	}
	k.change = put
	if !isNil(api) {
		k.remove = func(c *call) error {
			_, err := api.DeleteParameter(c.ctx, &ssm.DeleteParameterInput{Name: &c.physical})
			return gone(err, "ParameterNotFound")
		}
	}
	return k
}

func bucketKind(api S3) *kind {
	k := baseKind(20*time.Second, 5*time.Second, 2*time.Second, "BucketName")
	k.attributes, k.identifier = []string{"Arn", "DomainName", "RegionalDomainName", "DualStackDomainName", "WebsiteURL"}, "BucketName"
	k.make = func(c *call) error {
		w := c.world()
		c.physical = strings.ToLower(c.name("BucketName"))
		c.set(object{
			"Arn":                fmt.Sprintf("arn:%s:s3:::%s", w.Partition, c.physical),
			"DomainName":         c.physical + ".s3." + w.URLSuffix(),
			"RegionalDomainName": c.physical + ".s3." + w.Region + "." + w.URLSuffix(),
		})
		if isNil(api) {
			return nil
		}
		_, err := api.CreateBucket(c.ctx, &s3.CreateBucketInput{Bucket: &c.physical})
		return err
	}
	if !isNil(api) {
		k.remove = func(c *call) error {
			_, err := api.DeleteBucket(c.ctx, &s3.DeleteBucketInput{Bucket: &c.physical})
			return gone(err, "NoSuchBucket")
		}
	}
	return k
}
