// SPDX-License-Identifier: MIT
// Each part fails the step when something is not as on GitHub.
import assert from 'node:assert/strict'
import {createHash, randomBytes} from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import * as wire from './wire.mjs'

const input = name => process.env[`INPUT_${name.toUpperCase()}`]
const load = file => import(path.join(input('clients'), 'node_modules/@actions', file))
const exists = promise => promise.then(() => true, () => false)
const digest = file => createHash('sha256').update(fs.readFileSync(file)).digest('hex')

async function artifacts() {
  const {DefaultArtifactClient} = await load('artifact/lib/artifact.js')
  const client = new DefaultArtifactClient()
  fs.mkdirSync('files/sub', {recursive: true})
  fs.writeFileSync('files/small.txt', 'small')
  fs.writeFileSync('files/sub/large', randomBytes(60 << 20)) // several blocks, at the same time
  const files = ['files/small.txt', 'files/sub/large']
  const made = await client.uploadArtifact('my art', files, 'files', {
    retentionDays: 3,
    compressionLevel: 0
  })
  assert.ok(made.id > 0 && made.size > 60 << 20)
  assert.match(made.digest, /^[0-9a-f]{64}$/)
  await assert.rejects(client.uploadArtifact('my art', files, 'files'), /already exists/)
  await assert.rejects(client.uploadArtifact('../evil', files, 'files'), /not valid/)
  await client.uploadArtifact('other', ['files/small.txt'], 'files')
  const {artifacts: listed} = await client.listArtifacts()
  assert.deepEqual(listed.map(one => one.name).sort(), ['my art', 'other'])
  const {artifact} = await client.getArtifact('my art')
  assert.equal(artifact.id, made.id)
  assert.equal(artifact.digest, `sha256:${made.digest}`)
  const answer = await client.downloadArtifact(made.id, {
    path: 'downloaded',
    expectedHash: artifact.digest
  })
  assert.equal(answer.digestMismatch ?? false, false)
  assert.equal(digest('downloaded/sub/large'), digest('files/sub/large'))
  assert.equal(fs.readFileSync('downloaded/small.txt', 'utf8'), 'small')
  assert.equal((await client.deleteArtifact('other')).id > 0, true)
  assert.equal((await client.listArtifacts()).artifacts.length, 1)
  assert.equal(await exists(client.getArtifact('other')), false)
}

async function fetch_artifact() {
  const {DefaultArtifactClient} = await load('artifact/lib/artifact.js')
  const client = new DefaultArtifactClient()
  const {artifact} = await client.getArtifact('my art')
  await client.downloadArtifact(artifact.id, {path: 'fetched'})
  assert.equal(fs.readFileSync('fetched/small.txt', 'utf8'), 'small')
}

async function save_cache() {
  const cache = await load('cache/lib/cache.js')
  assert.equal(cache.isFeatureAvailable(), true)
  fs.mkdirSync('cached', {recursive: true})
  fs.writeFileSync('cached/file', 'from ' + process.env.GITHUB_REF)
  assert.equal(await cache.restoreCache(['cached'], 'deps-linux-1', ['deps-linux-']), undefined)
  assert.ok((await cache.saveCache(['cached'], 'deps-linux-1')) > 0)
  assert.equal(await cache.saveCache(['cached'], 'deps-linux-1'), -1)
  await assert.rejects(cache.saveCache(['cached'], 'k'.repeat(10240)), /512 characters/)
  fs.writeFileSync('cached/file', 'changed')
  assert.equal(await cache.restoreCache(['cached'], 'deps-linux-1'), 'deps-linux-1')
  assert.equal(fs.readFileSync('cached/file', 'utf8'), 'from ' + process.env.GITHUB_REF)
  // Larger than one request takes.
  fs.mkdirSync('large', {recursive: true})
  fs.writeFileSync('large/file', randomBytes(140 << 20))
  const before = digest('large/file')
  assert.ok((await cache.saveCache(['large'], 'large')) > 0)
  fs.rmSync('large/file')
  assert.equal(await cache.restoreCache(['large'], 'large'), 'large')
  assert.equal(digest('large/file'), before)
}

async function restore_cache() {
  const cache = await load('cache/lib/cache.js')
  const key = await cache.restoreCache(['cached'], 'deps-linux-9', ['deps-mac-', 'deps-linux-'])
  console.log(`restored ${key} ${key && fs.readFileSync('cached/file', 'utf8')}`)
  const saved = await cache.saveCache(['cached', 'absent'], 'of ' + process.env.GITHUB_REF)
  console.log(`saved ${saved > 0}`)
}

async function id_token() {
  const core = await load('core/lib/core.js')
  const token = await core.getIDToken('cloud')
  assert.equal(token.split('.').length, 3)
}

const parts = {...wire, artifacts, fetch_artifact, save_cache, restore_cache, id_token}
await parts[input('part')]()
console.log(`${input('part')} done`)
