package dynamolease

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Template is a CloudFormation template with the table. It belongs into a stack
// of its own: not one that the migrations are part of.
const Template = `AWSTemplateFormatVersion: "2010-09-09"
Description: Leases of database migrations.
Resources:
  Leases:
    Type: AWS::DynamoDB::Table
    DeletionPolicy: Retain
    UpdateReplacePolicy: Retain
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: key, AttributeType: S}]
      KeySchema: [{AttributeName: key, KeyType: HASH}]
Outputs:
  Table: {Value: !Ref Leases}
`

// TableInput is what CreateTable takes to make the table.
func TableInput(table string) *dynamodb.CreateTableInput {
	return &dynamodb.CreateTableInput{
		TableName:            &table,
		BillingMode:          types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("key"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("key"), KeyType: types.KeyTypeHash}},
	}
}
