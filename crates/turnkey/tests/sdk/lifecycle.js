// The official Node.js SDK of JD Cloud (`jdcloud-sdk-js`, as it is) lives through a bastion's whole
// life.
//
//     NODE_PATH=target/sdk/node/node_modules node lifecycle.js 127.0.0.1:8686 demo-ak demo-sk
//
// Prints a line for each step, and ends with 1 at the first surprise. The endpoint sells the specs
// basic < standard < premium in region cn-north-1, and takes orders of this account as paid.

'use strict'

const { deepStrictEqual: equal, ok } = require('node:assert')
const Bastion = require('jdcloud-sdk-js/src/services/bastion')
const JDCloud = require('jdcloud-sdk-js/src/lib/core')

const REGION = 'cn-north-1'
const ELSEWHERE = 'cn-east-2'
const RUNNING = 1
const EXPIRED = 13
const PATIENCE_MS = 60_000 // for what happens after an answer; normally some milliseconds
const TEXT = '堡垒机 "北京" <b>&amp;/&\\</b> 🙂'

JDCloud.config.update({ logger: () => {} })

/** An account, as the SDK calls for it. */
class Buyer {
  constructor (endpoint, accessKeyId, secretAccessKey) {
    this.sdk = new Bastion({
      credentials: { accessKeyId, secretAccessKey },
      regionId: REGION,
      endpoint: { protocol: 'http', host: endpoint },
      logger: () => {}
    })
  }

  /** The result of what must succeed. */
  async done (operation, parameters, region = REGION) {
    const answer = await this.sdk[operation](parameters, region).catch(refusal => {
      throw new Error(`${operation} ${JSON.stringify(parameters)}: ${said(refusal)}`)
    })
    ok(answer.requestId, `${operation}: an answer without requestId`)
    ok(answer.result, `${operation}: an answer without result`)
    return answer.result
  }

  async true (operation, parameters) {
    equal(await this.done(operation, parameters), { result: true })
  }

  async refused (code, status, operation, parameters, { region = REGION, saying = '' } = {}) {
    const answer = await this.sdk[operation](parameters, region).then(
      () => { throw new Error(`${operation} ${JSON.stringify(parameters)} was not refused`) },
      refusal => refusal
    )
    ok(answer.error, said(answer))
    ok(answer.requestId, `${operation}: a refusal without requestId`)
    equal([answer.error.code, answer.error.status], [code, status])
    ok(answer.error.message.includes(saying), `${answer.error.message}: not ${saying}`)
  }

  async list (parameters) {
    const { bastions, totalCount } = await this.done('describeBastions', parameters)
    return { bids: bastions.map(each => each.bid), totalCount, bastions }
  }
}

const said = answer => answer.error ? JSON.stringify(answer.error) : String(answer.stack || answer)
const step = text => console.log(`ok  ${text}`)
const sorted = list => [...list].sort()

/** What `look` finds, once it finds something. */
async function until (look) {
  const last = Date.now() + PATIENCE_MS
  for (;;) {
    const found = await look()
    if (found) return found
    ok(Date.now() < last, `nothing after ${PATIENCE_MS} ms`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

const order = (spec, quantity, desc, chargeDuration = 1) => ({
  instanceSpec: {
    az: 'cn-north-1a', vpcId: 'vpc-1', subnetId: 'subnet-1', spec, quantity, ipVersion: 'v4&v6', desc
  },
  chargeSpec: { chargeMode: 'prepaid_by_duration', chargeUnit: 'month', chargeDuration, autoRenew: false }
})

/** Buys, waits until all run, and returns them as the orders name them. */
async function buy (buyer, spec, quantity, desc) {
  const { buyId, sourceIds } = await buyer.done('createInstance', order(spec, quantity, desc))
  ok(typeof buyId === 'string' && buyId, 'no buyId')
  equal(new Set(sourceIds.map(each => each.sourceId)).size, quantity)
  // This SDK never fills the placeholder of this path; the server looks into the query for it.
  return Promise.all(sourceIds.map(({ sourceId }) => until(async () => {
    const { bastion } = await buyer.done('describeSourceId', { sourceId })
    return bastion.status === RUNNING && bastion
  })))
}

/** The list with filters, sorts and pages: all that is there has been bought here. */
async function lists (buyer, own, others) {
  const all = sorted([own, ...others].map(each => each.bid))
  const first = await buyer.list({})
  equal([sorted(first.bids), first.totalCount], [all, all.length])
  step(`describeBastions: ${first.totalCount} bastions`)

  const found = async (...filters) => {
    const { bids, totalCount } = await buyer.list({ filters })
    equal(bids.length, totalCount)
    return sorted(bids)
  }
  const [bid, other] = [own.bid, others[0].bid]
  equal(await found({ name: 'bid', values: [bid] }), [bid])
  equal(await found({ name: 'bid', values: [bid, other], operator: 'in' }), sorted([bid, other]))
  equal(await found({ name: 'bid', values: ['bst-none'] }), [])
  equal(await found({ name: 'bid', values: [bid] }, { name: 'bid', values: [other] }), [])
  const unknown = { filters: [{ name: 'colour', values: ['red'] }] }
  await buyer.refused(400, 'INVALID_ARGUMENT', 'describeBastions', unknown)
  step('describeBastions: filters')

  for (const direction of ['asc', 'desc']) {
    const sorts = [{ name: 'createTime', direction }]
    const times = (await buyer.list({ sorts, pageSize: 100 })).bastions.map(each => each.startTime)
    equal(times, direction === 'asc' ? sorted(times) : sorted(times).reverse())
  }
  step('describeBastions: sorts')

  const page = pageNumber =>
    buyer.list({ pageNumber, pageSize: 10, sorts: [{ name: 'createTime', direction: 'asc' }] })
  const [one, two, three] = [await page(1), await page(2), await page(3)]
  equal([one.bids.length, one.totalCount], [10, all.length])
  equal(sorted([...one.bids, ...two.bids]), all)
  equal([three.bids, three.totalCount], [[], all.length])
  step('describeBastions: pages')
}

/** What the owner may change about a bastion that runs. */
async function switches (buyer, { bid, instanceId }) {
  const bastion = async () => (await buyer.done('describeBastion', { bid })).bastion
  const instance = async () => (await buyer.done('describeInstance', { instanceId })).bastion
  for (const desc of [TEXT, '', TEXT]) {
    await buyer.true('updateBastionDesc', { bid, desc })
    equal((await bastion()).desc, desc)
  }
  step(`updateBastionDesc: ${TEXT}`)

  const { buyId } = await buyer.done('modifyInstanceSpec', { instanceId, spec: 'standard' })
  ok(typeof buyId === 'string' && buyId, 'no buyId')
  await until(async () => (await instance()).spec === 'standard')
  step('modifyInstanceSpec: basic -> standard')
  const smaller = { instanceId, spec: 'basic' }
  await buyer.refused(400, 'FAILED_PRECONDITION', 'modifyInstanceSpec', smaller)
  step('modifyInstanceSpec: a smaller one is refused')
  const unknown = { instanceId, spec: 'gigantic' }
  await buyer.refused(400, 'INVALID_ARGUMENT', 'modifyInstanceSpec', unknown)
  step('modifyInstanceSpec: an unknown one is refused')

  for (const status of [false, false, true]) {
    await buyer.true('setInstancePublicAccess', { instanceId, status })
    equal((await instance()).publicAccess, status)
  }
  step('setInstancePublicAccess')
  for (const status of [true, true, false]) {
    await buyer.true('setInstanceZeroEnable', { instanceId, status })
    equal((await bastion()).zeroStatus, status)
  }
  step('setInstanceZeroEnable')
}

async function account (buyer, { instanceId }, secretAccessKey) {
  const { pins } = await buyer.done('describePins', {})
  equal(pins.length, 1)
  ok(typeof pins[0].pin === 'string' && pins[0].pin, 'no pin')
  step(`describePins: ${pins[0].pin}`)
  const { sign } = await buyer.done('describeSign', { bastionId: instanceId })
  equal([typeof sign.sign, typeof sign.sk], ['string', 'string'])
  ok(Number.isInteger(sign.ts) && sign.ts < 2 ** 31, 'ts must fit into 32 bits')
  ok(!JSON.stringify(sign).includes(secretAccessKey), "the ticket holds the account's secret")
  await buyer.refused(404, 'NOT_FOUND', 'describeSign', { bastionId: 'bst-none' })
  step('describeSign')
}

/** Expires, starts again, expires and goes. */
async function ends (buyer, { bid, instanceId }) {
  await buyer.refused(400, 'FAILED_PRECONDITION', 'deleteInstance', { instanceId })
  step('deleteInstance: before its end it is refused')
  for (const status of [EXPIRED, RUNNING, EXPIRED]) {
    await buyer.true('modifyInstanceExpireOrStart', { instanceId, status })
    equal((await buyer.done('describeInstance', { instanceId })).bastion.status, status)
  }
  step('modifyInstanceExpireOrStart: 13, 1, 13')
  const neither = { instanceId, status: 7 }
  await buyer.refused(400, 'INVALID_ARGUMENT', 'modifyInstanceExpireOrStart', neither)
  const larger = { instanceId, spec: 'premium' }
  await buyer.refused(400, 'FAILED_PRECONDITION', 'modifyInstanceSpec', larger)
  step('modifyInstanceSpec: of an expired one it is refused')
  await buyer.true('deleteInstance', { instanceId })
  await until(() => buyer.sdk.describeInstance({ instanceId }, REGION).then(() => false, () => true))
  await buyer.refused(404, 'NOT_FOUND', 'describeInstance', { instanceId })
  await buyer.refused(404, 'NOT_FOUND', 'describeBastion', { bid })
  await buyer.refused(404, 'NOT_FOUND', 'deleteInstance', { instanceId })
  equal((await buyer.list({ filters: [{ name: 'bid', values: [bid] }] })).totalCount, 0)
  step('deleteInstance: it is gone')
}

async function strangers (endpoint, accessKeyId, secretAccessKey) {
  const wrong = new Buyer(endpoint, accessKeyId, secretAccessKey + 'x')
  const saying = 'sign result is not same'
  await wrong.refused(401, 'ACCESS_ERROR', 'describeBastions', {}, { saying })
  await wrong.refused(401, 'ACCESS_ERROR', 'createInstance', order('basic', 1), { saying })
  const nobody = new Buyer(endpoint, 'nobody', secretAccessKey)
  const unknown = { saying: 'Invalid accessKey' }
  await nobody.refused(401, 'ACCESS_ERROR', 'describeBastions', {}, unknown)
  step('a wrong secret and an unknown account are refused')
}

async function live (endpoint, accessKeyId, secretAccessKey) {
  const buyer = new Buyer(endpoint, accessKeyId, secretAccessKey)
  const { bids, totalCount } = await buyer.list({})
  equal([bids, totalCount], [[], 0])
  step('describeBastions: nothing yet')

  await buyer.refused(400, 'OUT_OF_RANGE', 'createInstance', order('basic', 1, undefined, 10))
  await buyer.refused(400, 'INVALID_ARGUMENT', 'createInstance', order('gigantic', 1))
  step('createInstance: bad orders are refused')
  const [own] = await buy(buyer, 'basic', 1, TEXT)
  const { bid, instanceId } = own
  step(`createInstance, describeSourceId: ${instanceId}`)

  const members = ({ bid, instanceId, regionId, az, spec, desc, status }) =>
    ({ bid, instanceId, regionId, az, spec, desc, status })
  const wanted = {
    bid, instanceId, regionId: REGION, az: 'cn-north-1a', spec: 'basic', desc: TEXT, status: RUNNING
  }
  const { bastion } = await buyer.done('describeBastion', { bid })
  equal(members(bastion), wanted)
  ok(bastion.startTime < bastion.endTime, 'no term')
  equal(members((await buyer.done('describeInstance', { instanceId })).bastion), wanted)
  step('describeBastion, describeInstance: the same')
  await buyer.refused(404, 'NOT_FOUND', 'describeInstance', { instanceId: 'bst-none' })
  await buyer.refused(404, 'NOT_FOUND', 'describeInstance', { instanceId }, { region: ELSEWHERE })
  await buyer.refused(404, 'NOT_FOUND', 'describeSourceId', { sourceId: 'src-none' })
  step('what is not there is not found')

  const others = [...await buy(buyer, 'standard', 6), ...await buy(buyer, 'premium', 5)]
  step('createInstance: 6 and 5 at once')
  await lists(buyer, own, others)
  await switches(buyer, own)
  await account(buyer, own, secretAccessKey)
  await ends(buyer, own)
  await strangers(endpoint, accessKeyId, secretAccessKey)

  for (const { instanceId } of others) {
    await buyer.true('modifyInstanceExpireOrStart', { instanceId, status: EXPIRED })
    await buyer.true('deleteInstance', { instanceId })
  }
  await until(async () => (await buyer.list({})).totalCount === 0)
  step('all are gone')
}

live(...process.argv.slice(2, 5)).then(
  () => console.log('the whole life, with the Node.js SDK'),
  surprise => {
    console.error(`SURPRISE: ${said(surprise)}`)
    process.exitCode = 1
  }
)
