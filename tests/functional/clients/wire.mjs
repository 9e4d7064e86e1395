// SPDX-License-Identifier: MIT
// The services byte by byte, without the official clients: what they would never send.
import assert from 'node:assert/strict'
import {createHash} from 'node:crypto'
import fs from 'node:fs'
import net from 'node:net'

const origin = new URL(process.env.ACTIONS_RESULTS_URL ?? 'http://none').origin
const token = process.env.ACTIONS_RUNTIME_TOKEN ?? ''
const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? 'e30', 'base64url'))
const [, run, job] = (claims.scp ?? '').split(':')
export const ids = {workflow_run_backend_id: run, workflow_job_run_backend_id: job}
const sha256 = text => createHash('sha256').update(text).digest('hex')
const wait = ms => new Promise(resolve => setTimeout(resolve, ms))

export async function call(method, body, headers = {authorization: `Bearer ${token}`}) {
  const response = await fetch(`${origin}/twirp/github.actions.results.api.v1.${method}`, {
    method: 'POST',
    headers: {'content-type': 'application/json', ...headers},
    body: JSON.stringify(body)
  })
  return {status: response.status, ...JSON.parse(await response.text())}
}

const create = (name, more = {}) => call('ArtifactService/CreateArtifact', {...ids, name, version: 7, ...more})
const finalize = (name, text, more = {}) =>
  call('ArtifactService/FinalizeArtifact', {
    ...ids,
    name,
    size: String(text.length),
    hash: `sha256:${sha256(text)}`,
    ...more
  })

async function put(url, body, headers = {}) {
  return (await fetch(url, {method: 'PUT', body, headers})).status
}
const block_id = index => Buffer.from(`x${String(index).padStart(6, '0')}`).toString('base64')
const put_block = (url, index, body) =>
  put(`${url}&comp=block&blockid=${encodeURIComponent(block_id(index))}`, body)
const put_list = (url, indexes) =>
  put(
    `${url}&comp=blocklist`,
    `<?xml version="1.0"?><BlockList>${indexes.map(i => `<Latest>${block_id(i)}</Latest>`).join('')}</BlockList>`
  )

async function upload(name, text, more = {}) {
  const {signed_upload_url: url} = await create(name, more)
  assert.equal(await put(url, text, {'x-ms-blob-type': 'BlockBlob'}), 201)
  assert.equal((await finalize(name, text)).ok, true)
}

export async function strangers() {
  const list = 'ArtifactService/ListArtifacts'
  assert.equal((await call(list, ids, {})).status, 401)
  assert.equal((await call(list, ids, {authorization: `Bearer ${token}x`})).status, 401)
  assert.equal((await call(list, {...ids, workflow_run_backend_id: '999'})).status, 403)
  assert.equal((await call('ArtifactService/Steal', {...ids, name: 'a'})).status, 404)
  assert.equal((await call('CacheService/CreateCacheEntry', {key: 'k'.repeat(10240), version: 'v'})).status, 400)
  for (const path of ['/api/v3/repos/octo/hello', '/api/gantry/v1/runs', '/runner/v1/job', '/healthz', '/'])
    assert.equal((await fetch(origin + path)).status, 404, path)
  for (const name of ['..', '../x', 'a/b', '/etc/passwd', 'a\\b', 'a\n'])
    assert.equal((await create(name)).status, 400, name)
  const {signed_upload_url: url} = await create('mine')
  assert.equal(await put(url.replace(/sig=./, 'sig=0x'), 'x'), 403)
  assert.equal(await put(`${origin}/blob/77?sig=1`, 'x'), 403)
  assert.equal((await fetch(url)).status, 403)
  assert.equal((await call('ArtifactService/GetSignedArtifactURL', {...ids, name: 'mine'})).status, 404)
}

export async function blocks() {
  const text = 'first second third '
  const {signed_upload_url: url} = await create('blocks')
  assert.equal((await finalize('blocks', text)).status, 400) // nothing is there yet
  assert.equal(await put_list(url, [0, 1]), 400)
  await Promise.all([put_block(url, 2, 'third '), put_block(url, 0, 'FIRST '), put_block(url, 1, 'second ')])
  assert.equal(await put_block(url, 0, 'first '), 201)
  assert.equal(await put(`${url}&comp=blocklist`, 'no list'), 400)
  assert.equal(await put_list(url, [0, 1, 2]), 201)
  assert.equal((await finalize('blocks', text + 'x')).status, 400) // another size
  assert.equal((await finalize('blocks', text, {hash: `sha256:${sha256('x')}`})).status, 400)
  const done = await finalize('blocks', text)
  assert.equal(done.ok, true)
  assert.equal((await finalize('blocks', text)).artifact_id, done.artifact_id) // its answer was lost
  assert.equal((await create('blocks')).status, 409)
  const {signed_url} = await call('ArtifactService/GetSignedArtifactURL', {...ids, name: 'blocks'})
  assert.equal(await (await fetch(signed_url)).text(), text)
  const part = await fetch(signed_url, {headers: {range: 'bytes=6-11'}})
  assert.equal(part.status, 206)
  assert.equal(await part.text(), 'second')
  assert.equal(await (await fetch(signed_url, {headers: {'x-ms-range': 'bytes=0-4'}})).text(), 'first')
  await upload('plain', 'just text', {mime_type: 'text/plain'})
}

// A client that dies in the middle of a request, and one that never finishes.
export async function dies() {
  const {signed_upload_url: url} = await create('broken')
  const {port, pathname, search} = new URL(url)
  await new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1', () => {
      socket.write(
        `PUT ${pathname}${search}&comp=block&blockid=${block_id(0)} HTTP/1.1\r\nHost: x\r\n` +
          `Content-Length: 50000000\r\n\r\n${'x'.repeat(1 << 20)}`,
        () => socket.destroy()
      )
    })
    socket.on('close', resolve).on('error', reject)
  })
  assert.equal(await put_block(url, 1, 'left behind'), 201)
  assert.equal(await put_list(url, [0]), 400)
}

// Waits in the middle of an upload for the test to do something to gantryd.
export async function interrupted() {
  const gates = process.env.INPUT_GATES
  const {signed_upload_url: url} = await create('interrupted')
  assert.equal(await put_block(url, 0, 'before '), 201)
  console.log('in the middle')
  while (!fs.existsSync(`${gates}/go on`)) await wait(50)
  assert.equal(await put_block(url, 1, 'after'), 201)
  assert.equal(await put_list(url, [0, 1]), 201)
  assert.equal((await finalize('interrupted', 'before after')).ok, true)
}

// What the official clients were recorded to send, with this job's token and ids.
export async function recorded() {
  const {requests} = JSON.parse(fs.readFileSync('recording.json'))
  const blob = {artifact: Buffer.alloc(140, 'a'), cache: Buffer.alloc(239, 'c')}
  const urls = {}
  for (const [index, request] of requests.entries()) {
    const kind = request.url.includes('/cache/') || request.url.includes('Cache') ? 'cache' : 'artifact'
    const headers = {...request.headers}
    if (headers.authorization) headers.authorization = `Bearer ${token}`
    let body = request.body ?? undefined
    let url = origin + request.url
    if (request.url.startsWith('/blob/')) {
      const given = request.method === 'GET' ? urls[`${kind} down`] : urls[`${kind} up`]
      url = given + request.url.slice(request.url.indexOf('?')).replace(/\?sig=[a-z]+/, '')
      if (typeof body === 'string' && body.startsWith('<') && body.endsWith('bytes>')) body = blob[kind]
    } else {
      body = {...body}
      for (const name of Object.keys(ids)) if (name in body) body[name] = ids[name]
      if (body.hash) body.hash = `sha256:${sha256(blob.artifact)}`
      if (body.id_filter) body.id_filter = urls.artifact
      if (body.expires_at) body.expires_at = new Date(Date.now() + 86400_000).toISOString()
      body = JSON.stringify(body)
    }
    const response = await fetch(url, {method: request.method, headers, body})
    const what = `${index} ${request.method} ${request.url}`
    assert.equal(response.status, request.method === 'PUT' ? 201 : 200, what)
    if (request.method === 'GET') assert.deepEqual(Buffer.from(await response.arrayBuffer()), blob[kind], what)
    if (request.method === 'POST') {
      const answer = await response.json()
      if (answer.signed_upload_url) urls[`${kind} up`] = answer.signed_upload_url
      if (answer.signed_url ?? answer.signed_download_url) {
        urls[`${kind} down`] = answer.signed_url ?? answer.signed_download_url
      }
      if (answer.artifact_id) urls.artifact = answer.artifact_id
      if (answer.artifacts) assert.equal(answer.artifacts.length, 1, what)
      if ('ok' in answer) assert.equal(answer.ok, true, what)
      if (answer.matched_key !== undefined) assert.equal(answer.matched_key, 'key-1', what)
    }
    console.log(`recorded ${what}`)
  }
}
